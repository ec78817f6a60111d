"""What a write through the API means beside what the ETL writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from docustore.users.identities import Values, content_hash, derive
from docustore.users.profile import UserStatus
from docustore.users.schemas import UserInput, parse_user, writable
from docustore.users.stored import completed
from docustore.users.writes import new_user, rewritten, stamped, with_status

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)


def values(**changed: Any) -> Values:
    user = parse_user({"email": "ada@example.org", "first_name": "Ada", "roles": ["clerk"], **changed})
    return user.values(created_at=EARLIER)


def from_crm(
    *, modified_at: datetime = EARLIER, local_roles: tuple[str, ...] = (), **changed: Any
) -> dict[str, Any]:
    """A user that the ETL made of one record."""
    of_record = values(**changed)
    identity: Any = {
        "key": "crm:1", "modified_at": modified_at, "hash": content_hash(of_record), "values": of_record,
    }  # fmt: skip
    fields = derive([identity], user={"local_roles": local_roles})
    return completed({"_id": ObjectId(), "local_roles": list(local_roles), "created_at": EARLIER, **fields})


def given(user: dict[str, Any], **changed: Any) -> UserInput:
    return parse_user({**writable(user), **changed})


def test_new_user_is_a_local_identity_with_local_roles() -> None:
    user = new_user(
        parse_user({"email": "a@b.io", "roles": ["clerk"]}), now=NOW, actor="api:k", password_hash=None
    )

    assert [entry["key"] for entry in user["identities"]] == [f"local:{user['_id']}"]
    assert (user["roles"], user["local_roles"]) == (["clerk"], ["clerk"])
    assert "password_hash" not in user


def test_write_that_changes_nothing_writes_nothing() -> None:
    user = from_crm()

    assert rewritten(user, given(user), now=NOW) == {}


def test_write_keeps_what_the_source_said() -> None:
    """The ETL must still be able to derive the user from each identity's own values."""
    user = from_crm()

    fields = rewritten(user, given(user, first_name="Augusta"), now=NOW)

    entries = {entry["key"]: entry for entry in fields["identities"]}
    assert fields["first_name"] == "Augusta"
    assert entries["crm:1"]["values"]["first_name"] == "Ada"
    assert entries[f"local:{user['_id']}"]["modified_at"] == NOW


def test_write_wins_over_a_source_whose_clock_is_ahead() -> None:
    user = from_crm(modified_at=NOW + timedelta(hours=1))

    fields = rewritten(user, given(user, first_name="Augusta"), now=NOW)

    assert fields["first_name"] == "Augusta"


def test_roles_set_here_are_exactly_the_roles() -> None:
    user = from_crm(local_roles=("boss",))
    assert user["roles"] == ["clerk", "boss"]

    fields = rewritten(user, given(user, roles=["auditor"]), now=NOW)

    assert (fields["roles"], fields["local_roles"]) == (["auditor"], ["auditor"])


def test_other_write_leaves_roles_with_who_gave_them() -> None:
    user = from_crm(local_roles=("boss",))

    fields = rewritten(user, given(user, first_name="Augusta"), now=NOW)

    assert (fields["roles"], fields["local_roles"]) == (["clerk", "boss"], ["boss"])


@pytest.mark.parametrize("status", list(UserStatus))
def test_status_is_set_or_left(status: UserStatus) -> None:
    user = from_crm()

    fields = with_status(user, status, now=NOW)

    assert (fields == {}) == (status is UserStatus.ACTIVE)
    assert fields.get("status", "active") == status.value


def test_user_ended_upstream_is_active_again_when_set_here() -> None:
    user = from_crm()
    user["identities"] = [{**user["identities"][0], "deleted_at": NOW - timedelta(hours=1)}]
    user["status"] = "inactive"

    fields = with_status(user, UserStatus.ACTIVE, now=NOW)

    assert fields["status"] == "active"


def test_write_sets_only_what_it_changes() -> None:
    """Another client that does not raise the version may have changed the rest since it was read."""
    user = from_crm()

    fields = stamped(user, with_status(user, UserStatus.SUSPENDED, now=NOW), now=NOW, actor="api:k")

    assert set(fields) == {"status", "identities", "version", "updated_at", "updated_by"}


def test_user_of_another_client_is_completed() -> None:
    bare = {"_id": ObjectId(), "email": "ada@example.org"}

    fields = stamped(bare, with_status(completed(bare), UserStatus.SUSPENDED, now=NOW), now=NOW, actor="api:k")

    assert {"profile", "roles", "tags", "search_terms"} <= set(fields)
    assert fields["version"] == 2
    assert "email" not in fields
