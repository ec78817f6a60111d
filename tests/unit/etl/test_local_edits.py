"""Writes through the API between two loads: the order of the later records does not matter."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from docustore.users.identities import edit_key, edited_key, is_local
from docustore.users.rules import UserRules
from docustore.users.stored import completed
from docustore.users.writes import changed_fields, loaded
from tests.unit.etl.generated import EMAILS, mapped
from tests.unit.etl.memory_store import MemoryStore
from tests.unit.etl.model import described_users

# Between the times of the records, so that some of the later ones are older than the edits.
EDITED_AT = datetime(2026, 1, 1, 3, tzinfo=UTC)
ADA = {"source": "crm", "id": 1, "email": EMAILS[0], "modified_at": "2026-01-01T00:00:00Z", "first_name": "Ada"}
HR = {**ADA, "source": "hr"}
LATER = {"modified_at": "2026-01-02T00:00:00Z"}

Change = tuple[int, str, str]
EXAMPLES = 500
START = datetime(2026, 1, 1, tzinfo=UTC)
NEW_ADDRESS = "eve@x.org"


def edited(store: MemoryStore, user_id: int, field: str, value: str) -> None:
    """Write to a user as the API does."""
    user = completed(store.users[user_id])
    before = loaded(user, UserRules)
    after = before.model_copy()
    if field == "delete":
        after.mark_deleted(EDITED_AT)
    elif field == "email" and value in {other["email"] for other in store.users.values()}:
        return
    else:
        setattr(after, field, value)
    store.users[user_id].update(changed_fields(user, before, after, now=EDITED_AT))


def edit_some(store: MemoryStore, changes: Sequence[Change]) -> None:
    for number, field, value in changes:
        living = [key for key, user in store.users.items() if user.get("deleted_at") is None]
        if living:
            edited(store, living[number % len(living)], field, value)


def edits_of(store: MemoryStore) -> dict[str, Any]:
    entries = [{**entry} for user in store.users.values() for entry in user["identities"] if is_local(entry)]
    return {edited_key(entry): entry for entry in entries}  # type: ignore[arg-type]


def deleted_in(store: MemoryStore) -> list[list[str]]:
    gone = [user for user in store.users.values() if user.get("deleted_at") is not None]
    return [[entry["key"] for entry in user["identities"] if not is_local(entry)] for user in gone]


def compared(users: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("email", "first_name", "status", "roles", "created_at", "identities")
    shown = [{name: user[name] for name in names} for user in users]
    return sorted(shown, key=lambda user: (user["email"], user["identities"][0]["key"]))


def record(random: Random) -> dict[str, Any]:
    """Few identities, addresses and times, so that moves, merges, splits and ends are common."""
    at = START + timedelta(hours=random.randint(0, 5))
    wire = {
        "source": random.choice(["crm", "hr"]),
        "id": random.randint(1, 4),
        "modified_at": at.isoformat(),
    }
    if random.random() < 1 / 6:
        return {**wire, "deleted": True}
    registered = START - timedelta(days=random.randint(0, 3))
    values = {"first_name": random.choice(["Ada", "Bo"]), "status": random.choice(["active", "blocked"])}
    return {**wire, **values, "email": random.choice(EMAILS), "created_at": registered.isoformat()}


def change(random: Random) -> Change:
    """A new address of a user with several identities is the hardest case."""
    field = random.choice(["email", "email", "first_name", "delete"])
    return random.randint(0, 2), field, random.choice([NEW_ADDRESS, NEW_ADDRESS, *EMAILS])


def test_order_after_local_writes_does_not_matter() -> None:
    """The result is that of the model: each edit is a version of each identity that its user had.

    Random examples, not Hypothesis: its small examples rarely have what it takes.
    """
    for seed in range(EXAMPLES):
        random = Random(seed)
        early = [record(random) for _ in range(random.randint(3, 8))]
        late = [record(random) for _ in range(random.randint(2, 10))]
        store = MemoryStore()
        store.load_all(map(mapped, early), 3)
        edit_some(store, [change(random) for _ in range(random.randint(1, 3))])
        edits, deleted, other = edits_of(store), deleted_in(store), deepcopy(store)

        store.load_all(map(mapped, late), random.randint(1, 5))
        other.load_all(map(mapped, random.sample(late, len(late))), 4)

        wanted = described_users(map(mapped, early + late), edits=edits, deleted=deleted)
        assert compared(list(store.users.values())) == compared(wanted), seed
        assert compared(list(other.users.values())) == compared(wanted), seed


def merged() -> MemoryStore:
    store = MemoryStore()
    store.load([mapped(ADA), mapped(HR)])
    return store


def addresses(store: MemoryStore) -> dict[str, list[str]]:
    return {
        user["email"]: [entry["key"] for entry in user["identities"] if not is_local(entry)]
        for user in store.users.values()
    }


def test_edit_stays_with_each_identity_that_it_was_made_on() -> None:
    """Both move to other addresses: each newer version replaces its own edit only."""
    store = merged()
    edited(store, 1, "first_name", "Edited")

    store.load([mapped({**ADA, **LATER, "email": EMAILS[1]})])

    by_email = {user["email"]: user["first_name"] for user in store.users.values()}
    assert addresses(store) == {EMAILS[0]: ["hr:1"], EMAILS[1]: ["crm:1"]}
    assert by_email == {EMAILS[0]: "Edited", EMAILS[1]: "Ada"}


def test_changed_address_moves_every_identity() -> None:
    store = merged()
    edited(store, 1, "email", "eve@x.org")

    store.load([mapped({**HR, "id": 2})])

    assert addresses(store) == {"eve@x.org": ["crm:1", "hr:1"], EMAILS[0]: ["hr:2"]}


def test_newer_version_takes_its_address_back() -> None:
    store = merged()
    edited(store, 1, "email", "eve@x.org")

    store.load([mapped({**ADA, **LATER})])

    assert addresses(store) == {"eve@x.org": ["hr:1"], EMAILS[0]: ["crm:1"]}


def test_older_version_leaves_the_edited_address() -> None:
    store = merged()
    edited(store, 1, "email", "eve@x.org")

    store.load([mapped({**ADA, "modified_at": (EDITED_AT - timedelta(hours=1)).isoformat(), "email": EMAILS[2]})])

    assert addresses(store) == {"eve@x.org": ["crm:1", "hr:1"]}
    assert store.users[1]["email"] == "eve@x.org"


def test_edit_ends_with_its_identity_while_another_one_lives() -> None:
    store = MemoryStore()
    store.load([mapped(ADA)])
    edited(store, 1, "first_name", "Edited")
    living = {**HR, "first_name": "Living", "modified_at": "2026-01-01T01:00:00Z"}

    store.load([mapped({"source": "crm", "id": 1, "deleted": True, **LATER}), mapped(living)])

    assert [user["first_name"] for user in store.users.values()] == ["Living"]


def test_second_edit_replaces_the_first() -> None:
    store = merged()

    for name in ("First", "Second"):
        edited(store, 1, "first_name", name)

    keys = [entry["key"] for entry in store.users[1]["identities"]]
    assert keys == ["crm:1", "hr:1", edit_key("crm:1"), edit_key("hr:1")]
    assert store.users[1]["first_name"] == "Second"
