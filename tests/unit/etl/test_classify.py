"""How a batch changes the stored users; the plan is applied in memory, without a server."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from docustore.etl.classify import plan_batch
from docustore.etl.plan import Outcome
from tests.unit.etl.generated import mapped, upstream_records
from tests.unit.etl.memory_store import MemoryStore

ADA = {"id": 1, "email": "ada@example.org", "first_name": "Ada", "modified_at": "2026-01-01T00:00:00Z"}
LATER = {"modified_at": "2026-01-02T00:00:00Z"}


def loaded(*records: dict[str, Any]) -> tuple[MemoryStore, list[Outcome]]:
    store = MemoryStore()
    outcomes = [store.load([mapped(record)])[0] for record in records]
    return store, outcomes


@settings(max_examples=400)
@given(st.lists(upstream_records(), max_size=14), st.randoms(), st.integers(1, 6), st.integers(1, 6))
def test_order_and_batch_size_do_not_matter(
    records: list[dict[str, Any]], random: Any, size: int, other_size: int
) -> None:
    """The store depends only on the newest record of each identity, not on the order of arrival."""
    shuffled = random.sample(records, len(records))
    one, other = MemoryStore(), MemoryStore()

    one.load_all(map(mapped, records), size)
    other.load_all(map(mapped, shuffled), other_size)

    assert one.content() == other.content()


@settings(max_examples=200)
@given(st.lists(upstream_records(), max_size=14), st.integers(1, 6))
def test_loading_again_writes_nothing(records: list[dict[str, Any]], size: int) -> None:
    store = MemoryStore()
    store.load_all(map(mapped, records), size)
    writes = store.writes

    store.load_all(map(mapped, records), size)

    assert store.writes == writes


@settings(max_examples=200)
@given(st.lists(upstream_records(), max_size=14), st.integers(1, 6))
def test_one_user_per_address(records: list[dict[str, Any]], size: int) -> None:
    store = MemoryStore()

    store.load_all(map(mapped, records), size)

    for user in store.users.values():
        addresses = {entry["values"]["email"] for entry in user["identities"] if "values" in entry}
        assert addresses <= {user["email"]}


def test_new_record_inserts() -> None:
    store, outcomes = loaded(ADA)

    assert outcomes == [Outcome.INSERTED]
    assert store.content()[0]["identities"][0]["key"] == "crm:1"


def test_same_record_is_unchanged() -> None:
    store, outcomes = loaded(ADA, ADA)

    assert outcomes[1] is Outcome.UNCHANGED
    assert store.writes == 1


def test_spelling_of_a_record_is_no_change() -> None:
    camel = {"externalId": "1", "email": " ADA@example.org", "firstName": "Ada ", "modifiedAt": ADA["modified_at"]}

    _, outcomes = loaded(ADA, camel)

    assert outcomes[1] is Outcome.UNCHANGED


def test_newer_record_updates() -> None:
    store, outcomes = loaded(ADA, {**ADA, **LATER, "first_name": "Augusta"})

    assert outcomes[1] is Outcome.UPDATED
    assert store.content()[0]["first_name"] == "Augusta"


def test_older_record_is_stale() -> None:
    store, outcomes = loaded({**ADA, **LATER}, {**ADA, "first_name": "Augusta"})

    assert outcomes[1] is Outcome.STALE
    assert store.content()[0]["first_name"] == "Ada"


def test_restrictive_status_wins_a_tie() -> None:
    """To let a user act by mistake costs more than the opposite."""
    blocked = {**ADA, "status": "blocked"}

    for records in ((ADA, blocked), (blocked, ADA)):
        assert loaded(*records)[0].content()[0]["status"] == "suspended"


def test_second_identity_joins_by_address() -> None:
    store, outcomes = loaded(ADA, {**ADA, "id": 2, **LATER, "first_name": "Augusta"})

    assert outcomes[1] is Outcome.UPDATED
    [user] = store.content()
    assert user["first_name"] == "Augusta"
    assert [entry["values"]["first_name"] for entry in user["identities"]] == ["Ada", "Augusta"]


def test_moved_address_moves_the_user() -> None:
    store, outcomes = loaded(ADA, {**ADA, **LATER, "email": "lovelace@example.org"})

    assert outcomes[1] is Outcome.UPDATED
    assert [user["email"] for user in store.content()] == ["lovelace@example.org"]


def test_moved_address_splits_identities() -> None:
    second = {**ADA, "id": 2, "first_name": "Second"}

    store, _ = loaded(ADA, second, {**ADA, **LATER, "email": "moved@example.org"})

    assert [(user["email"], user["first_name"]) for user in store.content()] == [
        ("ada@example.org", "Second"),
        ("moved@example.org", "Ada"),
    ]


def test_users_of_one_move_are_written_together() -> None:
    """The identity leaves one user, is for a moment in a second one, and ends in a third one."""
    holder = {**ADA, "id": 2, "email": "bob@example.org"}
    second = {**ADA, "id": 3}
    store, _ = loaded(ADA, second, holder)
    new, back = {**ADA, **LATER, "email": "new@example.org"}, {**ADA, "modified_at": "2026-01-03T00:00:00Z"}
    alone = {**second, **LATER, "id": 4, "email": "cyd@example.org"}

    plan = plan_batch(
        [mapped(new), mapped({**back, "email": holder["email"]}), mapped(alone)], store.users.values(), {}
    )

    assert [sorted(write.records) for write in plan.writes] == [[2]]
    [move] = plan.moves
    assert (len(move.writes), sorted(move.records)) == (2, [0, 1])


def test_swapped_addresses_in_one_batch() -> None:
    bob = {**ADA, "id": 2, "email": "bob@example.org", "first_name": "Bob"}
    store = MemoryStore()
    store.load([mapped(ADA), mapped(bob)])

    swapped = [{**ADA, **LATER, "email": bob["email"]}, {**bob, **LATER, "email": ADA["email"]}]
    store.load([mapped(record) for record in swapped])

    assert {user["email"]: user["first_name"] for user in store.content()} == {
        "bob@example.org": "Ada",
        "ada@example.org": "Bob",
    }


def test_tombstone_deactivates() -> None:
    store, outcomes = loaded(ADA, {"id": 1, "deleted": True, **LATER})

    assert outcomes[1] is Outcome.DEACTIVATED
    assert store.content()[0]["status"] == "inactive"


def test_tombstone_before_its_record() -> None:
    store, outcomes = loaded({"id": 1, "deleted": True, **LATER}, ADA)

    assert outcomes == [Outcome.UNCHANGED, Outcome.INSERTED]
    assert store.content()[0]["status"] == "inactive"


def test_record_after_its_tombstone_revives() -> None:
    revived = {**ADA, "modified_at": "2026-01-03T00:00:00Z"}

    store, _ = loaded(ADA, {"id": 1, "deleted": True, **LATER}, revived)

    assert store.content()[0]["status"] == "active"
    assert "deleted_at" not in store.content()[0]["identities"][0]


def test_live_identity_keeps_the_user_active() -> None:
    second = {**ADA, "id": 2, "first_name": "Second"}

    store, _ = loaded(ADA, second, {"id": 2, "deleted": True, **LATER})

    assert (store.content()[0]["status"], store.content()[0]["first_name"]) == ("active", "Ada")


def test_local_roles_survive() -> None:
    store, _ = loaded({**ADA, "roles": ["staff"]})
    user = store.users[1]
    user.update(local_roles=["owner"], roles=["staff", "owner"])

    store.load([mapped({**ADA, **LATER, "roles": ["guest"]})])

    assert store.users[1]["roles"] == ["guest", "owner"]


def test_older_record_leaves_a_local_edit() -> None:
    """Writes through the API are one more identity; the newest identity wins."""
    store, _ = loaded(ADA)
    store.users[1]["identities"] = [
        {**store.users[1]["identities"][0], "values": mapped(ADA).values},
        {
            "key": "local:1",
            "modified_at": mapped({**ADA, "modified_at": "2026-03-01T00:00:00Z"}).modified_at,
            "hash": "x",
            "values": {**(mapped(ADA).values or {}), "first_name": "Edited"},
        },
    ]
    store.users[1]["first_name"] = "Edited"

    store.load([mapped({**ADA, **LATER, "first_name": "Upstream"})])
    after_older = store.users[1]["first_name"]
    store.load([mapped({**ADA, "modified_at": "2026-04-01T00:00:00Z", "first_name": "Upstream"})])

    assert (after_older, store.users[1]["first_name"]) == ("Edited", "Upstream")


def test_user_of_another_client_is_taken_over() -> None:
    """A user without identities has one local identity: it keeps its registration time and is never removed."""
    store = MemoryStore()
    foreign = {
        "_id": 7,
        "email": "ada@example.org",
        "created_at": mapped(ADA).modified_at,
        "first_name": "Foreign",
    }
    store.users[7] = dict(foreign)

    outcome = store.load([mapped({**ADA, **LATER, "created_at": "2020-01-01T00:00:00Z"})])

    assert outcome == [Outcome.UPDATED]
    assert store.users[7]["first_name"] == "Ada"
    assert store.users[7]["created_at"] == foreign["created_at"]


def test_deleted_user_stays_deleted() -> None:
    store, _ = loaded(ADA)
    store.users[1]["deleted_at"] = mapped(ADA).modified_at

    store.load([mapped({**ADA, **LATER, "email": "new@example.org"})])

    assert len(store.users) == 1
    assert store.users[1]["deleted_at"] is not None
