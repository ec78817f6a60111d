"""From one layout of positions to another: nothing is lost, nothing is applied twice."""

from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.changes.events import just_after, just_before
from docustore.changes.layout import arranged, is_settled
from docustore.changes.position import ListenerState, Position, position_of
from tests.unit.changes.make import token_at

NOW = Timestamp(100, 1)
ONE: dict[str, Any] = {
    "_id": "users",
    "seq": 41,
    "fence": 7,
    "state": "streaming",
    "token": token_at(9),
    "cluster_time": Timestamp(9, 1),
    "is_exact": True,
    "recoveries": 0,
    "snapshot_rows": 5,
    "approximate_rows": 1,
    "owner": "a",
    "session": {"id": 1},
    "note": "of another module",
}


def _divided(partitions: int, documents: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    return arranged(documents or [ONE], partitions=partitions, now=NOW)


def _moved(document: dict[str, Any], seconds: int, *, is_exact: bool = True) -> dict[str, Any]:
    """Move a position to the event of this time; one that is not exact stands within a transaction."""
    time = Timestamp(seconds, 5)
    moved = {name: value for name, value in document.items() if name not in {"start_at", "floors"}}
    return moved | {
        "token": token_at(seconds, 5),
        "cluster_time": time if is_exact else just_before(time),
        "is_exact": is_exact,
    }


def _positions(documents: list[dict[str, Any]]) -> list[Position]:
    return [position_of(document) for document in documents[1:] or documents]


def test_one_position_becomes_several_at_the_same_place() -> None:
    """At a time: the filter of a partition may leave out the event of the token, and then no stream opens."""
    head, *parts = _divided(3)

    assert [part["_id"] for part in parts] == ["users:0", "users:1", "users:2"]
    for part in parts:
        position = position_of(part)
        assert (position.start.token, position.start.start_at) == (None, Timestamp(9, 2))
        assert (position.cluster_time, position.is_exact, position.seq) == (Timestamp(9, 1), False, 0)
        (floor,) = position.floors
        assert (floor.of, floor.until) == (1, NOW)
    assert (head["seq"], head["partitions"], head["is_exact"]) == (41, 3, True)
    assert set(head["reached"]) == {"p0", "p1", "p2"}
    assert head["note"] == "of another module"
    assert "token" not in head


def test_part_of_a_transaction_is_not_applied_again() -> None:
    within = _moved(ONE, 20, is_exact=False)

    head, first, _ = arranged([within], partitions=2, now=NOW)

    assert first["floors"][0]["after"] == [token_at(20, 5)["_data"]]
    assert not head["is_exact"]


def test_several_positions_become_one_at_the_least_time() -> None:
    head, first, second = _divided(2)
    (one,) = arranged([head, _moved(first, 30), _moved(second, 20, is_exact=False)], partitions=1, now=NOW)

    position = position_of(one)
    least = just_before(Timestamp(20, 5))
    assert (position.cluster_time, position.start.start_at) == (least, just_after(least))
    assert not position.is_exact
    *_, floor = position.floors
    assert (floor.of, floor.until) == (2, NOW)
    assert token_at(30, 5)["_data"] < floor.after[0] < token_at(30, 6)["_data"]
    assert floor.after[1] == token_at(20, 5)["_data"]
    assert (position.seq, position.partition) == (41, None)
    assert not {"partitions", "reached", "changed_at"} & one.keys()


def test_floors_that_are_not_passed_are_kept() -> None:
    """A third layout before the second one has caught up with the first."""
    head, first, second = _divided(2)
    documents = _divided(3, [head, _moved(first, 30), _moved(second, 20)])
    third = [documents[0], _moved(documents[1], 120), *documents[2:]]

    (one,) = arranged(third, partitions=1, now=Timestamp(130, 1))

    floors = position_of(one).floors
    assert [floor.of for floor in floors] == [2, 3]
    assert floors[1].after[0] > token_at(120, 5)["_data"]
    assert floors[1].after[1] == floors[1].after[2]


def test_counts_are_kept_once() -> None:
    documents = _divided(2, _divided(3))

    assert sum(each.snapshot_rows or 0 for each in _positions(documents)) == 5
    assert sum(each.approximate_rows or 0 for each in _positions(documents)) == 1


def test_fences_grow_beyond_all_before() -> None:
    """A listener of an earlier layout must never find its fence again."""
    head, first, second = _divided(2)
    documents = _divided(2, [head, first | {"fence": 50}, second])

    assert {document["fence"] for document in documents} == {51}


def test_leases_are_free_and_that_of_all_users_is_not() -> None:
    head, *parts = _divided(2)

    assert all("owner" not in part and "lease_expires_at" not in part for part in parts)
    assert head["lease_expires_at"].year == 9999
    (one,) = arranged([head, *parts], partitions=1, now=NOW)
    assert one["lease_expires_at"].year == 1970


def test_pause_of_one_partition_becomes_that_of_all() -> None:
    head, first, second = _divided(2)
    (one,) = arranged([head, first, second | {"paused_at": 1, "paused_by": "ada"}], partitions=1, now=NOW)

    assert (one["paused_at"], one["paused_by"]) == (1, "ada")


def test_losses_without_progress_are_still_counted() -> None:
    head, first, second = _divided(2)
    (one,) = arranged([head, first, second | {"recoveries": 2}], partitions=1, now=NOW)

    assert position_of(one).recoveries == 2


@pytest.mark.parametrize(
    "change",
    [
        {"state": "snapshotting"},
        {"snapshot": {"is_begun": True}},
        {"paused_at": 1},
        {"snapshot_rows": None},
        {"cluster_time": None},
        {"floors": [{"of": 2, "after": ["a", "b"], "until": NOW}]},
    ],
)
def test_layout_waits_for_what_concerns_all_users(change: dict[str, Any]) -> None:
    assert is_settled([ONE])
    assert not is_settled([ONE | change])


def test_divided_layout_may_change_when_all_partitions_may() -> None:
    head, *parts = _divided(2)
    first, second = (_moved(part, 120) for part in parts)

    assert is_settled([head, first, second])
    assert not is_settled([head, first, second | {"paused_at": 1}])
    assert not is_settled([head, first, parts[1]])


def test_nothing_is_settled_before_the_first_start() -> None:
    assert not is_settled([])
    assert not is_settled([ONE | {"state": ListenerState.NEW.value}])
