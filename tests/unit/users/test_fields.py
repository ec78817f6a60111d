"""The one list of a user's fields, and the places that must agree with it."""

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import pytest
from bson import ObjectId
from pydantic import BaseModel

from docustore.errors import InvalidInputError
from docustore.etl.readings import _FACTORIES
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import to_user_record
from docustore.users.field_types import Reading, Wire
from docustore.users.fields import (
    FIELDS,
    HASH_VERSION,
    IN_RESPONSE,
    MAPPED,
    PROFILE_WIRE_NAMES,
    REQUIRABLE,
    WRITABLE,
    _fields_of,
    completed_fields,
    completed_profile,
    leaf,
)
from docustore.users.profile import Preferences, Profile
from docustore.users.schemas import UserInput, parse_user
from docustore.users.stored import FOR_RESPONSE
from docustore.users.views import PreferencesView, ProfileView, UserView, user_view
from tests.unit.etl.memory_store import RULES

SOURCES = Path(__file__).parents[3] / "docs/sources.md"
# A digest of all field names, by hash version. A changed list needs a new version and a new line here.
NAMES_BY_HASH_VERSION = {2: "f494eb75", 3: "f494eb75"}


def test_new_field_raises_the_hash_version() -> None:
    """Otherwise records from before the new field would always count as unchanged."""
    digest = blake2b(" ".join(field.name for field in FIELDS).encode(), digest_size=4).hexdigest()

    assert NAMES_BY_HASH_VERSION[HASH_VERSION] == digest


def test_response_has_every_field() -> None:
    assert set(UserView.__struct_fields__) == (set(IN_RESPONSE) - {"deleted_at"}) | {"id", "full_name"}
    assert set(ProfileView.__struct_fields__) == set(Profile.model_fields)
    assert set(PreferencesView.__struct_fields__) == set(Preferences.model_fields)


def test_projection_has_every_field() -> None:
    assert set(FOR_RESPONSE) == set(IN_RESPONSE)


def test_client_may_write_every_writable_field() -> None:
    assert set(UserInput.model_fields) == {*WRITABLE, "password"}


def test_password_hash_is_no_field() -> None:
    assert "password_hash" not in {*IN_RESPONSE, *MAPPED}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_documentation_names_the_spellings_of_every_field(field: Any) -> None:
    table = SOURCES.read_text("utf-8").split("A record is a JSON object", 1)[1].split("\n## ", 1)[0]

    assert {name for name in field.wire_names if not re.search(rf"\b{name}\b", table)} == set()


@pytest.mark.parametrize("reading", list(Reading))
def test_every_reading_has_a_reader(reading: Reading) -> None:
    assert reading in _FACTORIES


GIVEN = {
    Reading.EMAIL: ("ada@example.org", "ada@example.org"),
    Reading.TEXT: (" a  b ", "a  b"),
    Reading.URL: (" https://a.example/b.png ", "https://a.example/b.png"),
    Reading.WORDS: (" a  b ", "a b"),
    Reading.STATUS: ("Blocked", "suspended"),
    Reading.THEME: ("DARK", "dark"),
    Reading.FLAG: (False, False),
    Reading.LABELS: ([" a  b ", "a b", "c"], ["a b", "c"]),
}


def spellings() -> Iterator[Any]:
    for field in FIELDS:
        if field.wire.reading is not Reading.TIME:
            for name in field.wire_names:
                yield pytest.param(field, name, id=f"{field.name} as {name}")


@pytest.mark.parametrize(("field", "name"), list(spellings()))
def test_record_gives_every_field_under_every_spelling(field: Any, name: str) -> None:
    given, expected = GIVEN[field.wire.reading]
    record: dict[str, Any] = {"id": 1, "email": "ada@example.org"}
    place = record
    for part in field.path[:-1]:
        place = place.setdefault(part, {})
    place[name] = given

    values = to_user_record(json.dumps(record).encode(), RULES).values

    assert values is not None
    assert leaf(values, field.path) == expected


@pytest.mark.parametrize("name", Preferences.model_fields)
def test_preference_may_be_flat_in_the_profile(name: str) -> None:
    given = {"notifications": False, "theme": "dark", "language": "nl"}[name]

    values = to_user_record(
        json.dumps({"id": 1, "email": "ada@example.org", "profile": {name: given}}).encode(), RULES
    ).values

    assert values is not None
    assert values["profile"]["preferences"][name] == given


def test_requirable_fields_can_be_missing() -> None:
    bare = completed_fields({})

    assert {name for name in REQUIRABLE if leaf(bare, tuple(name.split(".")))} == set()


def test_field_without_a_wire_is_refused() -> None:
    class Forgotten(BaseModel):
        named: Annotated[str, Wire(Reading.TEXT)]
        unnamed: str

    with pytest.raises(TypeError, match="unnamed"):
        list(_fields_of(Forgotten))


@pytest.mark.parametrize(
    "foreign",
    [
        {},
        {"profile": None, "roles": None},
        {"profile": "text", "roles": "text", "tags": 5},
        {"profile": {"preferences": []}},
    ],
)
def test_document_of_another_client_reads_with_defaults(foreign: dict[str, Any]) -> None:
    view = user_view({"_id": ObjectId(), **foreign})

    assert (view.email, view.status, view.roles, view.tags, view.version) == ("", "active", [], [], 1)
    assert view.profile.preferences == PreferencesView(notifications=True, theme="light", language="en")


def test_false_is_a_value() -> None:
    """A flag of another client must not turn into the default."""
    assert completed_fields({"first_name": False})["first_name"] is False


def test_defaults_are_not_shared() -> None:
    completed_fields({})["roles"].append("boss")

    assert completed_fields({})["roles"] == []


def test_stored_preferences_are_kept() -> None:
    stored = completed_profile({"bio": "x", "preferences": {"theme": "dark"}})

    assert stored["preferences"] == {"notifications": True, "theme": "dark", "language": "en"}
    assert stored["bio"] == "x"


def test_defaults_are_plain_values() -> None:
    """The driver and the digest take words, not members of an enumeration."""
    assert {type(field.default) for field in FIELDS} <= {str, bool, list, type(None)}


def test_only_keys_of_the_profile_are_columns_of_the_profile() -> None:
    assert "bio" in PROFILE_WIRE_NAMES
    assert not PROFILE_WIRE_NAMES & {"email", "firstName", "createdAt"}


def test_declaration_needs_only_how_a_field_is_read() -> None:
    assert Wire(Reading.TEXT) == Wire(Reading.TEXT, names=(), max_chars=0, is_requirable=True)


def filled(name: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"id": 1, "email": "ada@example.org"}
    place = document
    *parts, last = name.split("/")
    for part in parts:
        place = place.setdefault(part, {})
    place[last] = value
    return document


LONGEST_EMAIL = f"{'a' * 64}@{'b' * 61}.{'b' * 61}.{'b' * 61}.org"
TOO_LONG_EMAIL = LONGEST_EMAIL.replace("@b", "@bb")
AVATAR = "https://a.example/"
LIMITS = [
    ("email", LONGEST_EMAIL, TOO_LONG_EMAIL),
    ("first_name", "x" * 200, "x" * 201),
    ("last_name", "x" * 200, "x" * 201),
    ("profile/avatar", AVATAR.ljust(2048, "x"), AVATAR.ljust(2049, "x")),
    ("profile/bio", "x" * 5000, "x" * 5001),
    ("profile/location", "x" * 300, "x" * 301),
    ("profile/preferences/language", "x" * 35, "x" * 36),
    ("roles", ["x" * 100], ["x" * 101]),
    ("tags", [str(n) for n in range(200)], [str(n) for n in range(201)]),
]


@pytest.mark.parametrize(("name", "fit", "unfit"), LIMITS)
def test_limit_holds_for_records(name: str, fit: Any, unfit: Any) -> None:
    assert len(LONGEST_EMAIL) == 254
    assert to_user_record(json.dumps(filled(name, fit)).encode(), RULES).values

    with pytest.raises(RecordRejectedError):
        to_user_record(json.dumps(filled(name, unfit)).encode(), RULES)


@pytest.mark.parametrize(("name", "fit", "unfit"), LIMITS)
def test_limit_holds_for_clients(name: str, fit: Any, unfit: Any) -> None:
    assert parse_user({key: value for key, value in filled(name, fit).items() if key != "id"})

    with pytest.raises(InvalidInputError):
        parse_user({key: value for key, value in filled(name, unfit).items() if key != "id"})


def test_empty_preference_leaves_the_flat_one() -> None:
    profile = {"language": "nl", "preferences": {"language": ""}}

    values = to_user_record(json.dumps(filled("profile", profile)).encode(), RULES).values

    assert values is not None
    assert values["profile"]["preferences"]["language"] == "nl"
