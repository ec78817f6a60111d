from typing import Any

import pytest

from docustore.migrations.migration import Direction, Migration, Phase
from docustore.migrations.pace import Pace
from docustore.migrations.rewrite import guard, projection, update_of

STAMP = {"updated_by": "migration:0007", "cause": {"actor": "migration:0007"}}
MIGRATION = Migration(number=7, name="names", phase=Phase.MIGRATE, summary="", reads=("name",), writes=("name",))


def update(before: dict[str, Any], after: dict[str, Any], direction: Direction = Direction.UP) -> dict[str, Any]:
    return update_of(MIGRATION, direction, {"_id": 1, **before}, {"_id": 1, **after})


def test_only_differences_are_written_with_version_and_cause() -> None:
    found = update({"name": "a", "kept": 1, "version": 4}, {"name": "b", "kept": 1, "version": 4})

    assert found == {"$set": {"name": "b", "version": 5, **STAMP}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([{"k": 1, "h": 1}, {"k": 2, "h": 2}], [{"k": 1, "h": 1}, {"k": 2, "h": 3}], {"name.1.h": 3}),
        ([{"k": 1, "h": 1}], [{"k": 2, "h": 2}], {"name.0.k": 2, "name.0.h": 2}),
        # The path of these would mean something else, or would leave a field behind.
        ([{"k": 1}], [{"k": 2}, {"k": 3}], {"name": [{"k": 2}, {"k": 3}]}),
        ([{"k": 1, "h": 1}], [{"k": 2}], {"name": [{"k": 2}]}),
        ([{"a.b": 1}], [{"a.b": 2}], {"name": [{"a.b": 2}]}),
        ([{"$a": 1}], [{"$a": 2}], {"name": [{"$a": 2}]}),
        (["x"], ["y"], {"name": ["y"]}),
        ([{"k": 1}], 5, {"name": 5}),
    ],
)
def test_only_the_changed_fields_of_a_list_are_written(before: Any, after: Any, expected: dict[str, Any]) -> None:
    found = update({"name": before, "version": 1}, {"name": after, "version": 1})["$set"]

    assert found == {**expected, "version": 2, **STAMP}


def test_removed_and_added_fields_are_told_apart() -> None:
    found = update({"old": 1, "version": 1}, {"new": None, "version": 1})

    assert found["$unset"] == {"old": ""}
    assert found["$set"] == {"new": None, "version": 2, **STAMP}


def test_down_names_its_own_cause() -> None:
    assert update({}, {"name": "b"}, Direction.DOWN)["$set"]["updated_by"] == "migration:0007:down"


def test_user_without_version_counts_as_version_1() -> None:
    assert update({}, {"name": "b"})["$set"]["version"] == 2


@pytest.mark.parametrize(
    ("direction", "stored", "expected"),
    [
        (Direction.UP, 1, 7),
        (Direction.UP, 9, 9),
        (Direction.DOWN, 7, 6),
        (Direction.DOWN, 3, 3),
        (Direction.UP, "one", "one"),
    ],
)
def test_user_gets_the_number_of_its_shape(direction: Direction, stored: Any, expected: Any) -> None:
    found = update({"name": "a", "schema_version": stored}, {"name": "b", "schema_version": stored}, direction)

    assert found["$set"]["schema_version"] == expected


def test_number_that_the_migration_sets_itself_stays() -> None:
    assert update({"schema_version": 7}, {"schema_version": 2}, Direction.DOWN)["$set"]["schema_version"] == 2


def test_user_of_another_client_gets_no_number() -> None:
    assert "schema_version" not in update({"name": "a"}, {"name": "b"})["$set"]


def test_guard_is_the_version_that_was_read() -> None:
    assert guard({"_id": 1, "version": 3, "name": "a"}) == {"_id": 1, "version": 3}
    assert guard({"_id": 1}) == {"_id": 1, "version": None}


def test_only_needed_fields_are_read() -> None:
    assert projection(MIGRATION) == {"name": 1, "version": 1, "schema_version": 1, "deleted_at": 1}


def test_pace_waits_for_the_documents_of_the_past() -> None:
    pace = Pace(max_per_s=10, started_at=100.0, documents=25)

    assert pace.pause_s(now=101.0) == 1.5
    assert pace.pause_s(now=103.0) == 0.0


def test_pace_bounds_a_batch_to_a_second() -> None:
    assert Pace(max_per_s=10, started_at=0.0).limit(500) == 10
    assert Pace(max_per_s=900, started_at=0.0).limit(500) == 500
    assert Pace(max_per_s=0.5, started_at=0.0).limit(500) == 1


def test_unlimited_pace_never_waits() -> None:
    pace = Pace(max_per_s=None, started_at=0.0, documents=10**9)

    assert pace.limit(500) == 500
    assert pace.pause_s(now=0.0) == 0.0
