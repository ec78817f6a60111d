"""A corrected mapping corrects the users, and an unchanged user is not written."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from docustore.etl.plan import Outcome
from docustore.etl.remapped import counting_ends
from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import NOW, RULES, MemoryStore


def record(mapping: str, *, time: str | None = "2026-01-01T00:00:00Z", **fields: Any) -> UserRecord:
    raw = msgspec.json.encode({"id": 1, "email": "a@x.org", "modified_at": time, **fields})
    return msgspec.structs.replace(to_user_record(raw, RULES), mapping=mapping)


def stored(store: MemoryStore) -> dict[str, Any]:
    [user] = store.users.values()
    return user


@pytest.mark.parametrize(("wrong", "right"), [("May", "Abel"), ("Abel", "May")])
def test_other_values_of_a_new_mapping_count(wrong: str, right: str) -> None:
    """By their values alone, one of the two would be stale for ever."""
    store = MemoryStore()
    store.load([record("v1", last_name=wrong)])

    assert store.load([record("v2", last_name=right)]) == [Outcome.UPDATED]
    assert stored(store)["last_name"] == right
    assert store.load([record("v2", last_name=right)]) == [Outcome.UNCHANGED]


def test_less_restrictive_status_of_a_new_mapping_counts() -> None:
    store = MemoryStore()
    store.load([record("v1", status="inactive")])

    store.load([record("v2", status="active")])

    assert stored(store)["status"] == "active"


def test_same_values_of_a_new_mapping_are_unchanged() -> None:
    store = MemoryStore()
    store.load([record("", last_name="May")])
    writes = store.writes

    assert store.load([record("v1", last_name="May")]) == [Outcome.UNCHANGED]
    assert store.writes == writes


def test_versions_of_one_mapping_keep_their_order() -> None:
    store = MemoryStore()
    store.load([record("v1", last_name="May", tags=["more"])])

    assert store.load([record("v1", last_name="Abel")]) == [Outcome.STALE]


def test_older_record_of_a_new_mapping_is_stale() -> None:
    store = MemoryStore()
    store.load([record("v1", last_name="May")])

    assert store.load([record("v2", last_name="Abel", time="2025-12-31T00:00:00Z")]) == [Outcome.STALE]


@pytest.mark.parametrize("before", [[], ["v0"]])
def test_wrong_condition_for_the_end_is_corrected(before: list[str]) -> None:
    store = MemoryStore()
    store.load([record(mapping, time="2025-12-31T00:00:00Z") for mapping in before])
    store.load([record("v1")])
    store.load([record("v1", deleted=True)])
    assert stored(store)["status"] == "inactive"

    assert store.load([record("v2")]) == [Outcome.UPDATED]
    assert stored(store)["status"] == "active"
    assert store.load([record("v2")]) == [Outcome.UNCHANGED]


@pytest.mark.parametrize("is_tombstone_first", [True, False])
def test_end_that_the_new_mapping_confirms_stays(is_tombstone_first: bool) -> None:
    """Record and tombstone have one time: in both orders, the tombstone counts."""
    store = MemoryStore()
    store.load([record("v1"), record("v1", deleted=True)])
    both = [record("v2", deleted=True), record("v2")]

    store.load(both if is_tombstone_first else both[::-1])

    assert stored(store)["status"] == "inactive"
    writes = store.writes
    assert store.load(both)[0] == Outcome.UNCHANGED
    assert store.writes == writes
    assert stored(store)["status"] == "inactive"


def test_end_of_another_mapping_counts_at_another_time() -> None:
    store = MemoryStore()
    store.load([record("v1"), record("v1", deleted=True, time="2026-02-01T00:00:00Z")])

    store.load([record("v2")])

    assert stored(store)["status"] == "inactive"


def test_observed_time_needs_no_rule() -> None:
    store = MemoryStore()
    store.load([record("v1", last_name="May", tags=["more"], time=None)])

    assert store.load([record("v2", last_name="Abel", time=None)]) == [Outcome.STALE]


@pytest.mark.parametrize(
    ("mapping", "hours", "counts"), [("v1", 0, True), ("v2", 0, False), ("v2", 1, True), ("v1", 1, True)]
)
def test_waiting_end_of_another_mapping_does_not_count(mapping: str, hours: int, counts: bool) -> None:
    ended_at = record("v1").modified_at + timedelta(hours=hours)
    row = {"_id": "crm:1", "ended_at": ended_at, "mapping": "v1"}

    assert counting_ends([record(mapping)], [row]) == ({"crm:1": ([ended_at], "v1")} if counts else {})


def test_waiting_end_without_mapping_is_of_none() -> None:
    row = {"_id": "crm:1", "ended_at": NOW}

    assert counting_ends([record("")], [row]) == {"crm:1": ([NOW], "")}
    assert counting_ends([], []) == {}
