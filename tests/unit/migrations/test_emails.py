import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.migrations.m0003_emails_are_normalised import MIGRATION, down, up
from docustore.migrations.migration import ConflictError
from docustore.users.email import normalise_email
from docustore.users.search_terms import search_terms


def user(email: Any, **fields: Any) -> dict[str, Any]:
    return {"_id": 1, "email": email, "first_name": "Ada", "last_name": "Byron", **fields}


def terms(email: str) -> list[str]:
    return search_terms(email=email, first_name="Ada", last_name="Byron")


def test_address_and_terms_are_normalised_and_the_address_is_kept() -> None:
    found = user(" Ada@Example.ORG", search_terms=terms(" Ada@Example.ORG"), schema_version=1)

    assert up(found) == {
        **found,
        "email": "ada@example.org",
        "search_terms": terms("ada@example.org"),
        "migrated": {"0003": {"email": " Ada@Example.ORG", "schema_version": 1}},
    }


def test_terms_are_not_added_to_a_user_without_terms() -> None:
    migrated = up(user("Ada@example.org"))

    assert migrated is not None
    assert "search_terms" not in migrated


@pytest.mark.parametrize("email", ["ada@example.org", "müller@bücher.example", None, 5, ["Ada@example.org"]])
def test_other_documents_stay(email: Any) -> None:
    assert up(user(email)) is None


def test_malformed_address_waits_for_a_person() -> None:
    with pytest.raises(ConflictError) as caught:
        up(user("Ada at example.org"))

    assert caught.value.code == "email_malformed"
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    "found",
    [
        user("Ada@example.org"),
        user("Ada@example.org", schema_version=1, search_terms=terms("Ada@example.org")),
        user("Ada@example.org", migrated={"0009": {"email": "x"}}),
    ],
)
def test_down_gives_the_same_user(found: dict[str, Any]) -> None:
    migrated = up(found)

    assert migrated is not None
    assert down({**migrated, "schema_version": 3} if "schema_version" in found else migrated) == found


def test_down_keeps_an_address_that_was_changed_since() -> None:
    migrated = {**(up(user("Ada@example.org")) or {}), "email": "countess@example.org"}

    assert down(migrated) == user("countess@example.org")


def test_down_leaves_users_that_were_not_migrated() -> None:
    assert down(user("ada@example.org")) is None


@given(st.emails())
def test_query_finds_every_address_that_changes(email: str) -> None:
    """A document that the query does not match is never read."""
    found = MIGRATION.up
    assert found is not None
    # MongoDB's \z is Python's \Z.
    normalised = found.pending["email"]["$not"]["$regex"].replace(r"\z", r"\Z")

    assert re.search(normalised, email) is None or normalise_email(email) == email
