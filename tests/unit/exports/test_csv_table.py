"""Users as lines of a table, and back."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from docustore.exports.columns import COLUMN_NAMES, row_of
from docustore.exports.csv_table import header, lines_of, record_of, split_lines

AT = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
ID = ObjectId("6b036b42dddea18c01e9b78e")
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


def user(**fields: Any) -> dict[str, Any]:
    return {"_id": ID, "email": "ada@example.org", "created_at": AT, "updated_at": AT, "version": 3} | fields


def record(stored: dict[str, Any]) -> dict[str, Any]:
    [(_, names), (_, cells)] = split_lines(io.StringIO((header() + lines_of([stored])).decode(), newline=""))
    assert names is not None
    assert cells is not None
    return record_of(names, cells)


def test_header_names_the_fields_of_the_response() -> None:
    assert header() == (
        b"id,email,first_name,last_name,status,avatar,bio,location,notifications,theme,language,roles,tags,"
        b"created_at,full_name,updated_at,version\r\n"
    )


def test_names_are_unique() -> None:
    """A field of the profile with the name of another field would take its place."""
    assert len(set(COLUMN_NAMES)) == len(COLUMN_NAMES)


def test_line_has_every_value() -> None:
    stored = user(
        first_name="=HYPERLINK()",
        last_name="O'Brien",
        profile={"location": "-1", "bio": "a\nb,c", "preferences": {"notifications": False}},
        roles=["admin", 'say "hi"'],
    )

    assert lines_of([stored]).decode() == (
        "6b036b42dddea18c01e9b78e,ada@example.org,'=HYPERLINK(),O'Brien,active,,\"a\nb,c\",'-1,false,light,en,"
        '"[""admin"",""say \\""hi\\""""]",[],2026-01-31T12:00:00.123000Z,\'=HYPERLINK() O\'Brien,'
        "2026-01-31T12:00:00.123000Z,3\r\n"
    )


@given(TEXT, TEXT, st.none() | TEXT, st.lists(TEXT, max_size=3), st.booleans())
def test_record_has_the_values_of_the_user(
    first: str, last: str, bio: str | None, tags: list[str], notifications: bool
) -> None:
    preferences = {"notifications": notifications, "theme": "dark", "language": "nl"}
    profile = {"avatar": None, "bio": bio, "location": "'s-Hertogenbosch", "preferences": preferences}

    found = record(user(first_name=first, last_name=last, profile=profile, tags=tags))

    assert (found.get("first_name", ""), found.get("last_name", "")) == (first, last)
    assert found["profile"] == profile
    assert found["tags"] == tags
    assert (found["id"], found["version"]) == (str(ID), 3)
    assert found["created_at"] == "2026-01-31T12:00:00.123000Z"


def test_unknown_time_is_absent() -> None:
    found = record(user(created_at=None))

    assert found["created_at"] is None


def test_values_of_other_clients_fit_their_columns() -> None:
    odd = user(
        first_name=7, tags=[1, None], profile={"bio": ["x"], "preferences": {"notifications": "yes"}}, version="3"
    )

    values = dict(zip(COLUMN_NAMES, row_of({**odd, "updated_at": "yesterday"}), strict=True))

    assert values["first_name"] == "7"
    assert values["tags"] == ["1", "None"]
    assert values["bio"] == "['x']"
    assert [values[name] for name in ("notifications", "updated_at", "version")] == [None, None, None]


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("roles", "admin; editor", ["admin", "editor"]),
        ("roles", "[broken", "[broken"),
        ("roles", '["a"]', ["a"]),
        ("version", "12", 12),
        ("version", "x", "x"),
        ("status", "active", "active"),
    ],
)
def test_cell_that_a_person_typed(name: str, cell: str, value: Any) -> None:
    assert record_of([name], [cell]) == {name: value}


@pytest.mark.parametrize(("cell", "value"), [("true", True), ("FALSE", False), ("yes", "yes")])
def test_flag_that_a_person_typed(cell: str, value: Any) -> None:
    assert record_of(["notifications"], [cell]) == {"profile": {"preferences": {"notifications": value}}}


def test_empty_cell_is_left_out() -> None:
    assert record_of(["first_name", "status", "roles", "version"], ["", "", "", ""]) == {}


def test_bad_quote_costs_one_row() -> None:
    text = 'email\r\n"a"b\r\n\r\nc@example.org\r\n"x\ny"\r\nz\r\n'

    rows = list(split_lines(io.StringIO(text, newline="")))

    assert rows == [(1, ["email"]), (2, None), (4, ["c@example.org"]), (5, ["x\ny"]), (7, ["z"])]
