"""The bounds of one record's fields: the last value that is taken, and the first that is not."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import to_user_record
from tests.unit.etl.memory_store import NOW, RULES

ADA: dict[str, Any] = {"id": 42, "email": "ada@example.org", "modified_at": "2026-01-01T00:00:00Z"}
LATEST = RULES.latest


def values(**fields: Any) -> dict[str, Any]:
    record = to_user_record(json.dumps({**ADA, **fields}).encode(), RULES)
    assert record.values is not None
    return dict(record.values)


def reasons(fields: dict[str, Any], **rules: Any) -> list[tuple[str, str]]:
    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(json.dumps({**ADA, **fields}).encode(), replace(RULES, **rules))
    return [(error.pointer, error.code) for error in rejected.value.errors]


TEXTS = [
    ("/id", lambda text: {"id": text}, 300),
    ("/first_name", lambda text: {"first_name": text}, 200),
    ("/last_name", lambda text: {"lastName": text}, 200),
    ("/profile/avatar", lambda text: {"profile": {"avatar_url": text}}, 2048),
    ("/profile/bio", lambda text: {"profile": {"bio": text}}, 5000),
    ("/profile/location", lambda text: {"profile": {"location": text}}, 300),
    ("/profile/preferences/language", lambda text: {"profile": {"language": text}}, 35),
    ("/tags", lambda text: {"tags": [text]}, 100),
]


@pytest.mark.parametrize(("pointer", "fields", "longest"), TEXTS, ids=[pointer for pointer, _, _ in TEXTS])
@pytest.mark.parametrize("char", ["x", "é"])
def test_text_one_character_too_long_is_rejected(pointer: str, fields: Any, longest: int, char: str) -> None:
    to_user_record(json.dumps({**ADA, **fields(char * longest)}).encode(), RULES)

    assert reasons(fields(char * (longest + 1))) == [(pointer, "too_long")]


def test_length_is_that_of_the_composed_text() -> None:
    """`e` and a combining accent are one character: 200 of them are a name."""
    assert values(first_name="e\u0301" * 200)["first_name"] == "é" * 200


@pytest.mark.parametrize("name", ["roles", "tags"])
def test_two_hundred_labels_are_the_most(name: str) -> None:
    labels = [f"label-{n}" for n in range(201)]

    assert values(**{name: labels[:200]})[name] == labels[:200]
    assert reasons({name: labels}) == [(f"/{name}", "too_many")]


def test_labels_are_counted_once_and_without_empty_ones() -> None:
    labels = [f"label-{n}" for n in range(200)]

    assert values(tags=[*labels, " ", "", " label-7 "])["tags"] == labels


def test_record_of_the_largest_size_is_taken() -> None:
    raw = json.dumps(ADA).encode()

    assert to_user_record(raw, replace(RULES, max_record_bytes=len(raw))).key == "crm:42"
    assert reasons({}, max_record_bytes=len(raw) - 1) == [("", "too_large")]


@pytest.mark.parametrize("name", ["modified_at", "created_at"])
def test_time_is_taken_up_to_the_latest(name: str) -> None:
    assert values(**{name: LATEST.isoformat()})
    assert reasons({name: (LATEST + timedelta(milliseconds=1)).isoformat()}) == [(f"/{name}", "out_of_range")]


@pytest.mark.parametrize("name", ["modified_at", "modifiedAt", "updatedAt"])
def test_every_spelling_of_the_modification_time(name: str) -> None:
    record = to_user_record(json.dumps({"id": 1, "email": "a@example.org", name: "2026-01-01"}).encode(), RULES)

    assert (record.modified_at.isoformat(), record.is_time_observed) == ("2026-01-01T00:00:00+00:00", False)


def test_first_spelling_of_the_modification_time_counts() -> None:
    times = {
        "modified_at": "2026-01-03T00:00:00Z",
        "modifiedAt": "2026-01-02T00:00:00Z",
        "updatedAt": "2026-01-01",
    }

    records = [
        to_user_record(json.dumps({"id": 1, "email": "a@example.org", **dict(given)}).encode(), RULES)
        for given in (list(times.items()), list(times.items())[1:])
    ]

    assert [record.modified_at.day for record in records] == [3, 2]


@pytest.mark.parametrize(
    ("snake", "camel", "field", "given", "other"),
    [
        ("first_name", "firstName", "first_name", "Ada", "Augusta"),
        ("last_name", "lastName", "last_name", "Lovelace", "Byron"),
        ("created_at", "createdAt", "created_at", "2020-01-02T00:00:00Z", "2020-01-01T00:00:00Z"),
    ],
)
def test_either_spelling_of_a_field_is_read(snake: str, camel: str, field: str, given: str, other: str) -> None:
    expected = values(**{snake: given})[field]

    assert expected
    assert values(**{camel: given})[field] == expected
    assert values(**{snake: given, camel: other})[field] == expected


@pytest.mark.parametrize(
    ("profile", "field", "expected"),
    [
        ({"avatar": "https://a.example"}, "avatar", "https://a.example"),
        ({"avatar_url": "https://b.example"}, "avatar", "https://b.example"),
        ({"avatar": "https://a.example", "avatar_url": "https://b.example"}, "avatar", "https://a.example"),
        ({"bio": " Wrote  notes. "}, "bio", "Wrote  notes."),
        ({"location": "Oslo"}, "location", "Oslo"),
        ({}, "bio", None),
    ],
)
def test_profile_holds_what_is_given(profile: dict[str, Any], field: str, expected: str | None) -> None:
    assert values(profile=profile)["profile"][field] == expected


@pytest.mark.parametrize(
    ("profile", "preferences"),
    [
        ({"preferences": {"theme": "light"}, "theme": "dark"}, {"theme": "light"}),
        ({"preferences": {"language": "nl"}, "language": "de"}, {"language": "nl"}),
        ({"preferences": {"notifications": True}, "notifications": False}, {"notifications": True}),
        ({"preferences": {"notifications": False}, "notifications": True}, {"notifications": False}),
        ({"preferences": {}, "notifications": False}, {"notifications": False}),
        ({"preferences": {"notifications": True}}, {"notifications": True}),
    ],
)
def test_nested_preference_counts_before_the_flat_one(
    profile: dict[str, Any], preferences: dict[str, Any]
) -> None:
    chosen = values(profile=profile)["profile"]["preferences"]

    assert chosen == {"notifications": True, "theme": "light", "language": "en", **preferences}


def test_unknown_theme_is_light_with_a_warning() -> None:
    record = to_user_record(json.dumps({**ADA, "profile": {"theme": "pink"}}).encode(), RULES)

    assert record.values is not None
    assert record.values["profile"]["preferences"]["theme"] == "light"
    assert record.warnings == ("theme_unknown",)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\tb", "a\u00a0b", "a\u200db", "naïve\nb"])
def test_line_breaks_and_marks_are_text(text: str) -> None:
    assert values(profile={"bio": text})["profile"]["bio"] == text


@pytest.mark.parametrize("char", ["\u0000", "\u0007", "\u001b", "\u007f", "\u0085"])
@pytest.mark.parametrize("rest", ["ab", "éb"])
def test_other_control_characters_are_rejected(char: str, rest: str) -> None:
    assert reasons({"profile": {"bio": f"x{char}{rest}"}}) == [("/profile/bio", "control_character")]


@pytest.mark.parametrize(
    ("identifiers", "key"),
    [
        ({"id": 0}, "crm:0"),
        ({"id": "", "external_id": "7"}, "crm:7"),
        ({"id": None, "externalId": 8}, "crm:8"),
        ({"id": 1, "external_id": 2, "externalId": 3}, "crm:1"),
    ],
)
def test_first_id_that_says_something_counts(identifiers: dict[str, Any], key: str) -> None:
    record = to_user_record(json.dumps({"email": "ada@example.org", **identifiers}).encode(), RULES)

    assert record.key == key


@pytest.mark.parametrize("record", [{"deleted": True}, {"id": "", "deleted": True}])
def test_tombstone_without_an_id_is_rejected(record: dict[str, Any]) -> None:
    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(json.dumps(record).encode(), RULES)

    assert [(error.pointer, error.code) for error in rejected.value.errors] == [("/id", "missing")]


def test_tombstone_has_no_hash_and_a_record_has_one() -> None:
    ended = to_user_record(b'{"id": 1, "deleted": true, "modified_at": "2026-01-01T00:00:00Z"}', RULES)
    alive = to_user_record(json.dumps({**ADA, "deleted": False}).encode(), RULES)

    assert (ended.hash, ended.values, ended.is_time_observed) == ("", None, False)
    assert len(alive.hash.rpartition(":")[2]) == 27
    assert alive.values is not None
    assert not alive.warnings


@pytest.mark.parametrize("email", [" ", "\t\n"])
def test_blank_address_is_missing(email: str) -> None:
    assert reasons({"email": email}) == [("/email", "missing")]


@pytest.mark.parametrize(
    ("required", "fields", "expected"),
    [
        (("email", "tags"), {}, [("/tags", "missing")]),
        (("email", "tags"), {"email": ""}, [("/email", "missing"), ("/tags", "missing")]),
        (("profile.location",), {}, [("/profile/location", "missing")]),
        (("profile.location.name",), {"profile": {"location": "Oslo"}}, [("/profile/location/name", "missing")]),
        (("created_at",), {}, [("/created_at", "missing")]),
    ],
)
def test_required_field_that_is_missing_is_named(
    required: tuple[str, ...], fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert reasons(fields, required=required) == expected


def test_required_fields_that_are_there_are_enough() -> None:
    given = {**ADA, "tags": ["a"], "profile": {"location": "Oslo"}}

    record = to_user_record(
        json.dumps(given).encode(), replace(RULES, required=("email", "tags", "profile.location"))
    )

    assert record.warnings == ()


def test_time_of_the_run_stands_in_with_no_warning() -> None:
    record = to_user_record(b'{"id": 1, "email": "ada@example.org"}', RULES)

    assert (record.modified_at, record.warnings) == (NOW, ())
