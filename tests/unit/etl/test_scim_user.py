"""SCIM users as records."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.sources.scim_user import scim_record

WHOLE = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "id": "2819c223",
    "externalId": "ignored",
    "userName": "bjensen",
    "name": {"formatted": "Ms. Barbara J Jensen", "familyName": "Jensen", "givenName": "Barbara"},
    "emails": [{"value": "b@home.example", "type": "home"}, {"value": "b@work.example", "primary": True}],
    "photos": [{"value": "https://example.org/b.png", "type": "photo"}],
    "addresses": [{"streetAddress": "1 Main St", "locality": "Hollywood"}],
    "locale": "en-US",
    "active": True,
    "roles": [{"value": "admin"}, {"display": "no value"}, "editor"],
    "meta": {"created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"},
}


def record(**user: Any) -> dict[str, Any]:
    raw, _ = scim_record(json.dumps(user).encode())
    found: dict[str, Any] = json.loads(raw)
    return found


def test_every_attribute_has_its_field() -> None:
    raw, modified_at = scim_record(json.dumps(WHOLE).encode())

    assert modified_at == datetime(2011, 5, 13, 4, 42, 34, tzinfo=UTC)
    assert json.loads(raw) == {
        "id": "2819c223",
        "email": "b@work.example",
        "first_name": "Barbara",
        "last_name": "Jensen",
        "status": "active",
        "profile": {"avatar": "https://example.org/b.png", "location": "Hollywood", "language": "en"},
        "roles": ["admin", "editor"],
        "modified_at": "2011-05-13T04:42:34Z",
        "created_at": "2010-01-23T04:56:22Z",
    }


@pytest.mark.parametrize(
    ("user", "email"),
    [
        ({"emails": [{"value": "a@x.org"}, {"value": "b@x.org"}]}, "a@x.org"),
        ({"emails": [{"primary": True}, {"value": "b@x.org"}]}, "b@x.org"),
        ({"emails": [{"value": "a@x.org"}, {"value": "b@x.org", "primary": "True"}]}, "b@x.org"),
        ({"emails": ["a@x.org"]}, "a@x.org"),
        ({"emails": [], "userName": "a@x.org"}, "a@x.org"),
        ({"emails": "a@x.org", "userName": "ada"}, None),
    ],
)
def test_email_is_the_primary_one(user: dict[str, Any], email: str | None) -> None:
    assert record(**user).get("email") == email


@pytest.mark.parametrize(
    ("active", "status"),
    [
        (True, "active"),
        (False, "inactive"),
        ("False", "inactive"),
        ("True", "active"),
        (0, "inactive"),
        (None, None),
    ],
)
def test_flag_becomes_a_status(active: object, status: str | None) -> None:
    """Some providers send words."""
    assert record(active=active).get("status") == status


@pytest.mark.parametrize(
    ("user", "language"),
    [
        ({"locale": "de_AT"}, "de"),
        ({"locale": "fr"}, "fr"),
        ({"locale": "en-US", "preferredLanguage": "pt-BR"}, "pt"),
        ({"locale": 7}, None),
    ],
)
def test_language_has_no_region(user: dict[str, Any], language: str | None) -> None:
    assert record(**user).get("profile", {}).get("language") == language


def test_attributes_are_kept_for_a_mapping() -> None:
    raw, _ = scim_record(json.dumps({**WHOLE, "title": "Guide"}).encode(), with_attributes=True)

    record = json.loads(raw)
    assert (record["title"], record["name"]["givenName"]) == ("Guide", "Barbara")
    assert (record["first_name"], record["roles"]) == ("Barbara", ["admin", "editor"])


@pytest.mark.parametrize("raw", [b"7", b"null", b"{", b"[]", b'{"id": NaN}'])
def test_resource_that_is_no_object_stays_as_it_is(raw: bytes) -> None:
    """It is quarantined later with its text."""
    assert scim_record(raw) == (raw, None)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"name": "Ada", "meta": [], "photos": None, "addresses": {}, "roles": 7}, {}),
        ({"id": 0, "meta": {"lastModified": "soon"}}, {"id": 0, "modified_at": "soon"}),
        ({"meta": {"lastModified": 7}}, {"modified_at": 7}),
    ],
)
def test_attributes_of_other_types_do_no_harm(user: dict[str, Any], expected: dict[str, Any]) -> None:
    raw, modified_at = scim_record(json.dumps(user).encode())

    assert (json.loads(raw), modified_at) == (expected, None)
