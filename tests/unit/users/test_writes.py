"""Writes through the API, together with the writes of the ETL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from docustore.errors import InvalidInputError
from docustore.users.cause import Cause
from docustore.users.field_types import MAX_LABELS
from docustore.users.fields import Values
from docustore.users.identities import derive
from docustore.users.profile import Profile, UserStatus
from docustore.users.rules import UserRules
from docustore.users.schemas import UserInput, parse_user
from docustore.users.stored import completed
from docustore.users.versions import content_hash
from docustore.users.writes import changed_fields, loaded, new_user, stamped

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CAUSE = Cause(actor="api:k", request_id="r-1")
EARLIER = NOW - timedelta(days=1)


def values(**changed: Any) -> Values:
    user = parse_user({"email": "ada@example.org", "first_name": "Ada", "roles": ["clerk"], **changed})
    return user.values(created_at=EARLIER)


def from_crm(
    *, modified_at: datetime = EARLIER, local_roles: tuple[str, ...] = (), **changed: Any
) -> dict[str, Any]:
    """Make a user as the ETL makes it from one record."""
    of_record = values(**changed)
    identity: Any = {
        "key": "crm:1", "modified_at": modified_at, "hash": content_hash(of_record), "values": of_record,
    }  # fmt: skip
    fields = derive([identity], user={"local_roles": local_roles})
    return completed({"_id": ObjectId(), "local_roles": list(local_roles), "created_at": EARLIER, **fields})


def given(user: dict[str, Any], **changed: Any) -> UserInput:
    return parse_user({**loaded(user, UserRules).writable(), **changed})


def after(user: dict[str, Any], action: Callable[[UserRules], None]) -> dict[str, Any]:
    """Return the fields that an action changes."""
    model = loaded(user, UserRules)
    before = model.model_copy()
    action(model)
    return changed_fields(user, before, model, now=NOW)


def rewritten(user: dict[str, Any], wanted: UserInput) -> dict[str, Any]:
    return after(user, lambda model: model.rewrite(wanted))


def with_status(user: dict[str, Any], status: UserStatus) -> dict[str, Any]:
    return after(user, lambda model: model.set_status(status))


def test_new_user_is_a_local_identity_with_local_roles() -> None:
    user = new_user(parse_user({"email": "a@b.io", "roles": ["clerk"]}), now=NOW, cause=CAUSE, password_hash=None)

    assert [entry["key"] for entry in user["identities"]] == [f"local:{user['_id']}"]
    assert (user["roles"], user["local_roles"]) == (["clerk"], ["clerk"])
    assert "password_hash" not in user


def test_write_that_changes_nothing_writes_nothing() -> None:
    user = from_crm()

    assert rewritten(user, given(user)) == {}


def test_write_keeps_the_values_of_the_source() -> None:
    """The ETL must still be able to derive the user from each identity's own values."""
    user = from_crm()

    fields = rewritten(user, given(user, first_name="Augusta"))

    entries = {entry["key"]: entry for entry in fields["identities"]}
    assert fields["first_name"] == "Augusta"
    assert entries["crm:1"]["values"]["first_name"] == "Ada"
    assert entries["local:crm:1"]["modified_at"] == NOW


def test_write_wins_over_a_source_whose_clock_is_ahead() -> None:
    user = from_crm(modified_at=NOW + timedelta(hours=1))

    fields = rewritten(user, given(user, first_name="Augusta"))

    assert fields["first_name"] == "Augusta"


def test_roles_set_by_the_api_replace_all_roles() -> None:
    user = from_crm(local_roles=("boss",))
    assert user["roles"] == ["clerk", "boss"]

    fields = rewritten(user, given(user, roles=["auditor"]))

    assert (fields["roles"], fields["local_roles"]) == (["auditor"], ["auditor"])


def test_other_write_keeps_the_origin_of_roles() -> None:
    user = from_crm(local_roles=("boss",))

    fields = rewritten(user, given(user, first_name="Augusta"))

    assert (fields["roles"], fields["local_roles"]) == (["clerk", "boss"], ["boss"])


@pytest.mark.parametrize("status", list(UserStatus))
def test_status_is_written_only_if_it_differs(status: UserStatus) -> None:
    user = from_crm()

    fields = with_status(user, status)

    assert (fields == {}) == (status is UserStatus.ACTIVE)
    assert fields.get("status", "active") == status.value


def test_api_can_activate_a_user_ended_upstream() -> None:
    user = from_crm()
    user["identities"] = [{**user["identities"][0], "deleted_at": NOW - timedelta(hours=1)}]
    user["status"] = "inactive"

    fields = with_status(user, UserStatus.ACTIVE)

    assert fields["status"] == "active"


def test_write_sets_only_changed_fields() -> None:
    """Since the read, a client that does not raise the version may have changed other fields."""
    user = from_crm()

    fields = stamped(user, with_status(user, UserStatus.SUSPENDED), now=NOW, cause=CAUSE)

    assert set(fields) == {"status", "identities", "version", "updated_at", "updated_by", "cause"}


def test_user_of_another_client_is_completed() -> None:
    bare = {"_id": ObjectId(), "email": "ada@example.org"}

    fields = stamped(bare, with_status(completed(bare), UserStatus.SUSPENDED), now=NOW, cause=CAUSE)

    assert {"profile", "roles", "tags", "search_terms"} <= set(fields)
    assert fields["version"] == 2
    assert "email" not in fields


def test_granted_role_is_local() -> None:
    user = from_crm()

    fields = after(user, lambda model: model.add_role("boss"))

    assert (fields["roles"], fields["local_roles"]) == (["clerk", "boss"], ["boss"])


def test_role_granted_twice_changes_nothing() -> None:
    assert after(from_crm(), lambda model: model.add_role("clerk")) == {}


def test_granting_beyond_the_limit_is_refused() -> None:
    user = from_crm(roles=[f"r{n}" for n in range(MAX_LABELS)])

    with pytest.raises(InvalidInputError) as caught:
        after(user, lambda model: model.add_role("boss"))

    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/roles", "too_long")]


def test_last_role_below_the_limit_is_granted() -> None:
    user = from_crm(roles=[f"r{n}" for n in range(MAX_LABELS - 1)])

    assert len(after(user, lambda model: model.add_role("boss"))["roles"]) == MAX_LABELS


@pytest.mark.parametrize(
    ("role", "roles", "local_roles"), [("clerk", ["boss"], ["boss"]), ("boss", ["clerk"], [])]
)
def test_local_or_upstream_role_is_taken_away(role: str, roles: list[str], local_roles: list[str]) -> None:
    user = from_crm(local_roles=("boss",))

    fields = after(user, lambda model: model.remove_role(role))

    assert (fields["roles"], fields["local_roles"]) == (roles, local_roles)


def test_taking_a_missing_role_changes_nothing() -> None:
    assert after(from_crm(), lambda model: model.remove_role("boss")) == {}


def test_deletion_and_restore_keep_identities() -> None:
    user = from_crm()

    marked = after(user, lambda model: model.mark_deleted(NOW))
    restored = after({**user, **marked}, UserRules.restore)

    assert (marked, restored) == ({"deleted_at": NOW}, {"deleted_at": None})


FOREIGN = {"status": "retired", "first_name": " Ada ", "profile": {"bio": 5}}


@pytest.mark.parametrize("name", FOREIGN)
def test_write_keeps_invalid_values_of_other_fields(name: str) -> None:
    """The collection's validator may be off; a write must not change other fields."""
    user = completed({**from_crm(), name: FOREIGN[name]})

    fields = stamped(user, after(user, lambda model: setattr(model, "tags", ["vip"])), now=NOW, cause=CAUSE)

    assert fields["tags"] == ["vip"]
    assert name not in fields


def test_status_of_another_client_is_replaced_by_an_action() -> None:
    user = {**from_crm(), "status": "retired"}

    assert after(user, UserRules.activate)["status"] == "active"


def test_replacing_a_user_trims_stored_text() -> None:
    user = {**from_crm(), "first_name": " Ada "}

    assert rewritten(user, given(user))["first_name"] == "Ada"


def test_local_write_comes_just_after_the_newest_identity() -> None:
    ahead = NOW + timedelta(hours=1)
    user = from_crm(modified_at=ahead)

    fields = rewritten(user, given(user, first_name="Augusta"))

    entries = {entry["key"]: entry for entry in fields["identities"]}
    assert entries["local:crm:1"]["modified_at"] == ahead + timedelta(milliseconds=1)


def test_loaded_user_has_the_types_of_the_model() -> None:
    model = loaded(from_crm(status="suspended", profile={"bio": "x"}), UserRules)

    assert (type(model.profile), type(model.status)) == (Profile, UserStatus)
    assert (model.profile.bio, model.status) == ("x", UserStatus.SUSPENDED)


def test_foreign_value_is_shown_as_it_is_stored() -> None:
    assert loaded({**from_crm(), "status": "retired"}, UserRules).writable()["status"] == "retired"


@pytest.mark.parametrize("password_hash", [None, "argon2"])
def test_new_user_starts_at_version_1_with_its_hash(password_hash: str | None) -> None:
    user = new_user(parse_user({"email": "a@b.io"}), now=NOW, cause=CAUSE, password_hash=password_hash)

    assert (user["version"], user.get("password_hash")) == (1, password_hash)


@pytest.mark.parametrize(
    ("status", "deleted_at", "is_active"),
    [("active", None, True), ("active", NOW, False), ("inactive", None, False), ("suspended", NOW, False)],
)
def test_only_an_active_user_that_is_not_deleted_may_act(
    status: str, deleted_at: datetime | None, *, is_active: bool
) -> None:
    assert loaded({**from_crm(), "status": status, "deleted_at": deleted_at}, UserRules).is_active is is_active
