"""An identity that full readings lack: it ends, and it lives again when it comes back."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from docustore.etl.plan import Outcome
from docustore.etl.transform import UserRecord, to_user_record
from tests.unit.etl.memory_store import NOW, RULES, MemoryStore

END = NOW + timedelta(hours=1)


def record(day: int = 1, number: int = 1, **fields: Any) -> UserRecord:
    wire = {
        "id": number,
        "email": f"u{number}@example.org",
        "modified_at": f"2026-01-{day:02}T00:00:00Z",
        **fields,
    }
    return to_user_record(json.dumps(wire).encode(), RULES)


def absence(number: int = 1, at: datetime = END) -> UserRecord:
    return UserRecord(
        key=f"crm:{number}", modified_at=at, hash="", values=None, is_time_observed=False, is_absence=True
    )


def status(store: MemoryStore) -> str:
    [user] = store.users.values()
    return str(user["status"])


def loaded(*records: UserRecord) -> MemoryStore:
    store = MemoryStore()
    store.load_all(records, 1)
    return store


def test_absence_ends_an_identity() -> None:
    store = loaded(record())

    assert store.load([absence()]) == [Outcome.DEACTIVATED]
    assert store.load([absence()]) == [Outcome.UNCHANGED]
    assert status(store) == "inactive"


@pytest.mark.parametrize(
    "again", [record(), record(2, first_name="New"), record(1, modified_at=None)], ids=["same", "newer", "no time"]
)
def test_record_that_comes_back_is_active(again: UserRecord) -> None:
    """Also with its old time: a directory restores a record without changing it."""
    store = loaded(record(), absence())

    assert store.load([again]) == [Outcome.UPDATED]
    assert status(store) == "active"
    assert store.load([again]) == [Outcome.UNCHANGED]


def test_older_version_that_comes_back_keeps_the_newer_values() -> None:
    store = loaded(record(2, first_name="New"), absence())

    assert store.load([record(1, first_name="Old")]) == [Outcome.UPDATED]
    [user] = store.users.values()
    assert (user["status"], user["first_name"]) == ("active", "New")


def test_tombstone_counts_over_an_absence() -> None:
    """The conclusion's time is later than the end; a late record from between must not live."""
    gone = record(10, deleted=True)

    for order in ([absence(), gone], [gone, absence()]):
        store = loaded(record(), *order)
        store.load([record(5)])
        assert status(store) == "inactive"


@pytest.mark.parametrize("stale", [record(1, deleted=True)])
def test_old_tombstone_does_not_bring_back(stale: UserRecord) -> None:
    store = loaded(record(2), absence())

    assert store.load([stale]) == [Outcome.STALE]
    assert status(store) == "inactive"


def test_record_newer_than_the_reading_does_not_end() -> None:
    store = loaded(record(9))

    assert store.load([absence(at=record(8).modified_at)]) == [Outcome.STALE]
    assert status(store) == "active"


def test_absence_of_an_unknown_identity_leaves_no_tombstone() -> None:
    store = MemoryStore()

    assert store.load([absence()]) == [Outcome.UNCHANGED]
    assert store.tombstones == {}


def test_user_lives_while_another_identity_does() -> None:
    store = loaded(record(), record(number=2, email="u1@example.org"), absence())

    assert status(store) == "active"
    store.load([absence(2)])
    assert status(store) == "inactive"


def test_order_of_absences_and_records_of_a_batch_does_not_matter() -> None:
    """A later reading counts, whatever else arrives with it."""
    contents = []
    for batch_size in (1, 3):
        store = loaded(record(), record(number=2))
        store.load([absence(), absence(2)])
        store.load_all([record(), record(3, number=2, email="u1@example.org"), record(number=2)], batch_size)
        contents.append(store.content())

    assert contents[0] == contents[1]
    assert [user["status"] for user in contents[0]] == ["active"]
