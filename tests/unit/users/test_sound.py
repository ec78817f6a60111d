"""Parts of users that other clients have stored with any type."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Code, DBRef, Int64, ObjectId, Regex

from docustore.etl.classify import plan_batch
from docustore.etl.plan import Outcome
from docustore.users.field_types import MAX_LABELS
from docustore.users.identities import with_values
from docustore.users.identities_view import identities_of
from docustore.users.profile import UserStatus
from docustore.users.rules import UserRules
from docustore.users.schemas import parse_user
from docustore.users.sound import EPOCH, exactly, sound_identities, version_of
from docustore.users.stored import completed
from docustore.users.versions import hash_version
from docustore.users.views import user_view
from docustore.users.writes import changed_fields, loaded
from tests.messy_users import MOMENT, messy_users
from tests.store_cases import record

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ID = "65f1c7a2b3d4e5f6a7b8c9d0"
SOUND = {"key": "crm:1", "modified_at": MOMENT, "hash": "2:ab"}
ACTIONS = {
    "suspend": UserRules.suspend,
    "grant": lambda user: user.add_role("clerk"),
    "revoke": lambda user: user.remove_role("admin"),
    "delete": lambda user: user.mark_deleted(NOW),
    "restore": UserRules.restore,
    "rewrite": lambda user: user.rewrite(parse_user({"email": "new@example.org"})),
}


def messy(**fields: Any) -> list[dict[str, Any]]:
    # A user with 200 roles gets no further one; that is another rule.
    return [
        {"_id": ObjectId(), "email": "messy@example.org", **user, **fields}
        for user in messy_users()
        if not isinstance(user.get("roles"), list) or len(user["roles"]) < MAX_LABELS
    ]


@pytest.mark.parametrize("version", [None, "2", 2.5, True, 0, -1, {"$gt": 0}, Int64(2**63 - 1)])
def test_what_is_no_version_counts_as_the_first(version: Any) -> None:
    assert version_of({"version": version}) == 1


@pytest.mark.parametrize("version", [1, 7, Int64(2**60)])
def test_versions_are_numbers(version: int) -> None:
    assert version_of({"version": version}) == version


@pytest.mark.parametrize("value", [{"$gt": 0}, Regex("^a"), [1], 2.5])
def test_values_with_a_meaning_in_filters_are_compared(value: Any) -> None:
    assert exactly(value) == {"$eq": value}


@pytest.mark.parametrize("value", [None, 1, "a", MOMENT])
def test_plain_values_are_their_own_filter(value: Any) -> None:
    assert exactly(value) is value


@pytest.mark.parametrize(
    "entry",
    [
        SOUND,
        {
            **SOUND,
            "deleted_at": MOMENT,
            "absent": True,
            "rivals": ["2:cd"],
            "mapping": "m",
            "values": {"email": 5},
        },
    ],
)
def test_valid_identities_stay_as_they_are(entry: dict[str, Any]) -> None:
    given = [entry, {**SOUND, "key": "crm:2"}]

    assert sound_identities({"identities": given}) is given


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"key": "crm:1"}, {"key": "crm:1", "modified_at": EPOCH, "hash": ""}),
        ({**SOUND, "modified_at": "then", "hash": 5}, {"key": "crm:1", "modified_at": EPOCH, "hash": ""}),
        ({**SOUND, "modified_at": None}, {**SOUND, "modified_at": EPOCH}),
        ({**SOUND, "hash": Code("x")}, {**SOUND, "hash": ""}),
        ({**SOUND, "deleted_at": None, "values": [], "absent": 1, "mapping": 5}, SOUND),
        ({**SOUND, "rivals": ["2:cd", 5]}, SOUND),
        ({**SOUND, "rivals": ["2:cd"], "own": 1}, {**SOUND, "rivals": ["2:cd"]}),
    ],
)
def test_wrong_parts_of_an_identity_are_left_out(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sound_identities({"identities": [entry]}) == [expected]


@pytest.mark.parametrize("entry", ["crm:1", {}, {"key": 5}, {"key": None}, [SOUND], DBRef("users", 1), None])
def test_elements_without_a_key_are_no_identities(entry: Any) -> None:
    assert sound_identities({"identities": [entry, SOUND]}) == [SOUND]


@pytest.mark.parametrize("identities", [None, "crm:1", 5, {}, []])
def test_other_values_are_no_identities(identities: Any) -> None:
    assert list(sound_identities({"identities": identities})) == []


def test_one_document_is_like_a_list_of_one() -> None:
    """The index of identities does not tell them apart."""
    assert sound_identities({"identities": SOUND}) == [SOUND]


def test_last_of_two_identities_with_one_key_counts() -> None:
    later = {**SOUND, "modified_at": MOMENT + timedelta(1)}

    assert sound_identities({"identities": [SOUND, later]}) == [later]


@pytest.mark.parametrize("digest", ["x:y", ":", "-1:a", "٣:a", "9" * 5000 + ":a"])
def test_texts_that_are_no_digests_have_a_version(digest: str) -> None:
    assert hash_version(digest) == 1


@pytest.mark.parametrize(
    "action", [action for name, action in ACTIONS.items() if name not in {"delete", "restore"}]
)
@pytest.mark.parametrize(
    ("given", "expected"),
    [([], ObjectId(ID).generation_time), (["x", MOMENT, NOW], MOMENT), ([None], ObjectId(ID).generation_time)],
)
def test_list_of_registrations_becomes_a_time(action: Any, given: list[Any], expected: datetime) -> None:
    """MongoDB refuses a list beside the roles, which every write gives a user."""
    stored = {"_id": ObjectId(ID), "email": "a@b.org", "roles": ["admin"], "created_at": given}
    raw = completed(stored)
    user = loaded(raw, UserRules)
    before = user.model_copy()
    action(user)

    assert changed_fields(raw, before, user, now=NOW)["created_at"] == expected


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_every_action_works_on_every_user(action: Any) -> None:
    """A value that the action does not concern stays as it is."""
    for stored in messy():
        raw = completed(stored)
        user = loaded(raw, UserRules)
        before = user.model_copy()

        action(user)
        fields = changed_fields(raw, before, user, now=NOW)

        kept = (
            {} if action is ACTIONS["rewrite"] else {name: raw[name] for name in ("email", "first_name", "tags")}
        )
        after = {**raw, **fields}
        assert all(after[name] is value or after[name] == value for name, value in kept.items()), stored


def test_suspended_users_are_suspended() -> None:
    for stored in messy(first_name=Regex("^a")):
        raw = completed(stored)
        user = loaded(raw, UserRules)
        before = user.model_copy()
        user.suspend()

        after = {**raw, **changed_fields(raw, before, user, now=NOW)}

        assert after["status"] == UserStatus.SUSPENDED
        assert all(entry.keys() >= SOUND.keys() for entry in after.get("identities") or ())


def test_later_edit_than_the_last_moment_counts() -> None:
    """The upstream version has the last time of the calendar; no time is later."""
    last = datetime.max.replace(tzinfo=UTC)
    stored = {"_id": 1, "email": "a@b.org", "identities": [{**SOUND, "modified_at": last}]}
    raw = completed(stored)
    user = loaded(raw, UserRules)
    before = user.model_copy()
    user.suspend()

    assert changed_fields(raw, before, user, now=NOW)["status"] == UserStatus.SUSPENDED


def test_every_user_is_shown() -> None:
    for user in messy(version="2"):
        assert user_view(user).version == 1
        assert identities_of(user)


@pytest.mark.parametrize("identities", [[{"key": "crm:1"}], {"key": "crm:1"}, [{"key": "crm:1", "hash": [1]}, 5]])
def test_record_replaces_an_identity_that_lacks_parts(identities: Any) -> None:
    for stored in messy(identities=identities):
        plan = plan_batch([record(1)], [stored], {})

        assert plan.outcomes == [Outcome.UPDATED], stored
        [write] = plan.writes
        assert write.fields is not None
        [entry] = write.fields["identities"]
        assert entry["hash"] == record(1).hash


def test_any_user_with_the_address_takes_a_record() -> None:
    for stored in messy(email="u1@example.org", deleted_at=None):
        plan = plan_batch([record(1)], [stored], {})

        assert plan.outcomes[0] in {Outcome.UPDATED, Outcome.UNCHANGED, Outcome.STALE}, stored
        assert any(entry["key"] == "crm:1" for entry in with_values({**stored, **(plan.writes[0].fields or {})}))
