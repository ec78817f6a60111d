import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.migrations.m0004_avatars_are_web_addresses import MIGRATION, down, up
from docustore.users.field_types import is_http_url


def user(avatar: Any, **fields: Any) -> dict[str, Any]:
    return {"_id": 1, "profile": {"avatar": avatar, "bio": "x"}, **fields}


def test_other_avatar_becomes_null_and_is_kept() -> None:
    found = user("javascript:alert(1)", schema_version=1)

    assert up(found) == {
        **found,
        "profile": {"avatar": None, "bio": "x"},
        "migrated": {"0004": {"avatar": "javascript:alert(1)", "schema_version": 1}},
    }


@pytest.mark.parametrize("avatar", ["https://a.example/x.png", " http://a.example ", None, 5])
def test_other_documents_stay(avatar: Any) -> None:
    assert up(user(avatar)) is None


@pytest.mark.parametrize("fields", [{}, {"profile": None}, {"profile": "x"}])
def test_user_without_a_profile_stays(fields: dict[str, Any]) -> None:
    assert up({"_id": 1, **fields}) is None


def entry(key: str, avatar: str) -> dict[str, Any]:
    return {"key": key, "hash": "2:0", "values": {"profile": {"avatar": avatar, "bio": None}, "status": "active"}}


def test_avatars_of_identities_become_null_and_come_back() -> None:
    """The user may be derived from them again."""
    good, other = entry("crm:1", "https://a.example"), entry("hr:1", "javascript:x")
    found = user("https://a.example", identities=[good, other, {"key": "idp:1", "hash": "2:0"}])

    migrated = up(found)

    assert migrated is not None
    assert migrated["profile"] == found["profile"]
    assert migrated["identities"][0] == good
    assert migrated["identities"][1]["values"]["profile"] == {"avatar": None, "bio": None}
    assert down(migrated) == found


@pytest.mark.parametrize("fields", [{}, {"schema_version": 1}, {"migrated": {"0003": {"email": "x"}}}])
def test_down_gives_the_same_user(fields: dict[str, Any]) -> None:
    found = user("data:text/html,x", **fields)
    migrated = up(found)

    assert migrated is not None
    assert down({**migrated, "schema_version": 4} if "schema_version" in found else migrated) == found


def test_down_keeps_an_avatar_that_was_set_since() -> None:
    migrated = up(user("data:x")) or {}
    migrated["profile"] = {"avatar": "https://a.example", "bio": "x"}

    assert down(migrated) == user("https://a.example")


def test_down_leaves_users_that_were_not_migrated() -> None:
    assert down(user("https://a.example")) is None


@given(st.from_regex(r"(https?:/{0,2}|javascript:|)[ -~]{0,20}", fullmatch=True))
def test_query_finds_every_avatar_that_changes(avatar: str) -> None:
    """A document that the query does not match is never read."""
    found = MIGRATION.up
    assert found is not None
    # MongoDB writes the end of a text as `\z`, Python as `\Z`.
    plain = found.pending["$or"][0]["profile.avatar"]["$not"]["$regex"].replace(r"\z", r"\Z")

    assert re.search(plain, avatar) is None or is_http_url(avatar)
