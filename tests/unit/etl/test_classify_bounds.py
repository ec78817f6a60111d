"""Ties between times, and identities that stay or move; the plan is carried out in memory."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.classify import plan_batch
from docustore.etl.plan import Outcome
from tests.unit.etl.generated import mapped
from tests.unit.etl.memory_store import MemoryStore

ADA = {"id": 1, "email": "ada@example.org", "first_name": "Ada", "modified_at": "2026-01-02T00:00:00Z"}
EARLIER = {"modified_at": "2026-01-01T00:00:00Z"}
LATER = {"modified_at": "2026-01-03T00:00:00Z"}
ENDED = {"id": 1, "deleted": True}
AT = {"modified_at": "2026-01-02T00:00:00Z"}
END = datetime(2026, 1, 2, tzinfo=UTC)


def loaded(*records: dict[str, Any]) -> tuple[MemoryStore, list[Outcome]]:
    store = MemoryStore()
    return store, [store.load([mapped(record)])[0] for record in records]


def edited_here(store: MemoryStore, **fields: Any) -> None:
    """Give user 1 a local identity of 2026-02-01, as a write through the API does."""
    user = store.users[1]
    [entry] = [identity for identity in user["identities"] if identity["key"] == "crm:1"]
    values = entry.get("values") or mapped(ADA).values or {}
    user["identities"] = [
        *({"values": values, **identity} for identity in user["identities"]),
        {
            "key": "local:1",
            "modified_at": datetime(2026, 2, 1, tzinfo=UTC),
            "hash": "x",
            "values": {**values, **fields},
        },
    ]
    user.update(fields)


@pytest.mark.parametrize(
    ("time", "status", "is_ended"), [(EARLIER, "active", False), (AT, "inactive", True), (LATER, "inactive", True)]
)
def test_tombstone_of_the_same_instant_wins(time: dict[str, str], status: str, *, is_ended: bool) -> None:
    """Whichever comes first."""
    for records in ((ADA, {**ENDED, **time}), ({**ENDED, **time}, ADA)):
        [user] = loaded(*records)[0].content()

        assert user["status"] == status
        assert ("deleted_at" in user["identities"][0]) is is_ended


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (AT, AT, Outcome.UNCHANGED),
        (AT, {}, Outcome.UNCHANGED),
        (AT, EARLIER, Outcome.STALE),
        (EARLIER, AT, Outcome.DEACTIVATED),
        (AT, LATER, Outcome.DEACTIVATED),
    ],
)
def test_second_tombstone_of_a_known_identity(first: Any, second: Any, outcome: Outcome) -> None:
    """One without a time of its own says nothing new."""
    _, outcomes = loaded(ADA, {**ENDED, **first}, {**ENDED, **second})

    assert outcomes[2] is outcome


@pytest.mark.parametrize(
    ("given", "outcome", "kept"),
    [
        (EARLIER, Outcome.STALE, datetime(2026, 1, 1, tzinfo=UTC)),
        (AT, Outcome.UNCHANGED, None),
        ({}, Outcome.UNCHANGED, None),
        (LATER, Outcome.UNCHANGED, datetime(2026, 1, 3, tzinfo=UTC)),
    ],
)
def test_second_tombstone_of_an_unknown_identity(given: Any, outcome: Outcome, kept: datetime | None) -> None:
    plan = plan_batch([mapped({**ENDED, **given})], [], {"crm:1": [END]})

    assert plan.outcomes == [outcome]
    assert plan.tombstones == ({} if kept is None else {"crm:1": [kept]})


def test_tombstone_without_a_time_ends_a_living_identity() -> None:
    _, outcomes = loaded(ADA, ENDED)

    assert outcomes[1] is Outcome.DEACTIVATED


def test_moved_address_keeps_the_user_of_a_lone_identity() -> None:
    store, _ = loaded(ADA, {**ADA, **LATER, "email": "moved@example.org"})

    assert {user["_id"]: user["email"] for user in store.users.values()} == {1: "moved@example.org"}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("is_one_batch", [False, True])
def test_local_identity_never_stays_behind_alone(order: tuple[int, int], *, is_one_batch: bool) -> None:
    """Two sources hold one address, the user is edited here, and both move to another address."""
    store, _ = loaded(ADA, {**ADA, "id": 2})
    edited_here(store, first_name="Edited")
    moved = [mapped({**ADA, **LATER, "id": number, "email": "moved@example.org"}) for number in order]

    store.load_all(moved, 2 if is_one_batch else 1)

    [user] = store.content()
    keys = [entry["key"] for entry in user["identities"]]
    assert (user["email"], user["first_name"]) == ("ada@example.org", "Edited")
    assert keys == ["crm:1", "crm:2", "local:1"]


def test_deleted_user_keeps_its_identities_and_edits() -> None:
    """Nothing of a deleted user makes a user of its own, wherever its identities move."""
    store, _ = loaded(ADA, {**ADA, "id": 2})
    edited_here(store, first_name="Edited")
    store.users[1]["deleted_at"] = END

    store.load([mapped({**ADA, **LATER, "id": number, "email": "moved@example.org"}) for number in (1, 2)])

    [user] = store.content()
    assert [entry["key"] for entry in user["identities"]] == ["crm:1", "crm:2", "local:1"]


def test_local_identity_goes_with_a_moved_address() -> None:
    """A user's own upstream record moves; what was edited here stays with it."""
    store, _ = loaded(ADA)
    edited_here(store, first_name="Edited")

    store.load([mapped({**ADA, "modified_at": "2026-03-01T00:00:00Z", "email": "moved@example.org"})])

    assert list(store.users) == [1]
    assert store.users[1]["email"] == "moved@example.org"


def test_address_changed_here_keeps_every_identity() -> None:
    store, _ = loaded(ADA, {**ADA, "id": 2})
    edited_here(store, email="new@example.org")

    store.load([mapped({**ADA, **LATER, "first_name": "Augusta"})])

    assert list(store.users) == [1]
    assert [entry["key"] for entry in store.users[1]["identities"]] == ["crm:1", "crm:2", "local:1"]


def test_search_terms_alone_are_not_written() -> None:
    """They follow from the other fields; a new rule for them must not rewrite every user that is met."""
    store, _ = loaded(ADA)
    store.users[1]["search_terms"] = ["of an older rule"]
    guest = {**ADA, "id": 2}

    store.load([mapped(guest), mapped({**guest, **LATER, "email": "guest@example.org"})])

    assert store.users[1]["search_terms"] == ["of an older rule"]
    assert store.users[2]["email"] == "guest@example.org"


STATUSES = ["active", "inactive", "suspended"]


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("second", range(3))
@pytest.mark.parametrize("name", ["Ada", "Bo", "Cyd", "Dee", "Eve", "Flo"])
def test_more_restrictive_of_two_versions_of_one_instant_counts(first: int, second: int, name: str) -> None:
    """Other fields do not decide: the names are different too, and so are the hashes."""
    records = [
        {**ADA, "status": STATUSES[first], "first_name": name},
        {**ADA, "status": STATUSES[second], "first_name": "Zoe"},
    ]

    [user] = loaded(*records)[0].content()

    assert user["status"] == STATUSES[max(first, second)]
