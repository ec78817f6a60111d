"""The rules that turn one record into stored values."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.readings import MAX_REMEMBERED
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import to_user_record
from tests.unit.etl.memory_store import NOW, RULES

ADA: dict[str, Any] = {"id": 42, "email": "ada@example.org", "modified_at": "2026-01-01T00:00:00Z"}


def values(**fields: Any) -> dict[str, Any]:
    record = to_user_record(json.dumps({**ADA, **fields}).encode(), RULES)
    assert record.values is not None
    return dict(record.values)


def reasons(raw: bytes | dict[str, Any], **rules: Any) -> list[tuple[str, str]]:
    text = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(text, replace(RULES, **rules))
    return [(error.pointer, error.code) for error in rejected.value.errors]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("active", "active"),
        ("ENABLED", "active"),
        (" Inactive ", "inactive"),
        ("disabled", "inactive"),
        ("Suspended", "suspended"),
        ("BLOCKED", "suspended"),
        (None, "active"),
        ("", "active"),
    ],
)
def test_status_words(word: str | None, status: str) -> None:
    assert values(status=word)["status"] == status


def test_unknown_status_is_active_with_a_warning() -> None:
    record = to_user_record(json.dumps({**ADA, "status": "archived"}).encode(), RULES)

    assert record.values is not None
    assert (record.values["status"], record.warnings) == ("active", ("status_unknown",))


def test_white_space_is_trimmed_and_collapsed() -> None:
    mapped = values(
        firstName="  Ada \t Augusta\n", email=" ADA@Example.ORG ", profile={"location": " New   York "}
    )

    assert (mapped["first_name"], mapped["email"]) == ("Ada Augusta", "ada@example.org")
    assert mapped["profile"]["location"] == "New York"


@pytest.mark.parametrize(
    "profile",
    [
        {"preferences": {"theme": "dark", "language": "nl", "notifications": False}},
        {"theme": "DARK", "language": "nl", "notifications": False},
        {"preferences": {"theme": "dark", "language": "nl"}, "notifications": "False"},
    ],
)
def test_preferences_nested_or_flat(profile: dict[str, Any]) -> None:
    chosen = values(profile=profile)["profile"]["preferences"]

    assert chosen == {"theme": "dark", "language": "nl", "notifications": False}


def test_missing_profile_gets_defaults() -> None:
    assert values(profile=None)["profile"] == {
        "avatar": None,
        "bio": None,
        "location": None,
        "preferences": {"notifications": True, "theme": "light", "language": "en"},
    }


@pytest.mark.parametrize("name", ["id", "external_id", "externalId"])
def test_every_spelling_of_the_id(name: str) -> None:
    record = to_user_record(json.dumps({name: "42", "email": "ada@example.org"}).encode(), RULES)

    assert record.key == "crm:42"


def test_address_replaces_a_missing_id() -> None:
    assert to_user_record(b'{"email": "Ada@example.org"}', RULES).key == "crm:ada@example.org"


def test_missing_time_is_the_start_of_the_run() -> None:
    record = to_user_record(b'{"id": 1, "email": "ada@example.org"}', RULES)

    assert (record.modified_at, record.is_time_observed) == (NOW, True)


@pytest.mark.parametrize(
    ("given", "utc"),
    [
        ("2026-01-31T12:00:00+05:30", datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
        ("2026-01-31 12:00:00+00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456Z", datetime(2026, 1, 31, 12, 0, 0, 123000, UTC)),
        (1769860800, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (1769860800000, datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc_milliseconds(given: str | int, utc: datetime) -> None:
    assert to_user_record(json.dumps({**ADA, "modified_at": given}).encode(), RULES).modified_at == utc


def test_time_without_zone_is_utc_with_a_warning() -> None:
    record = to_user_record(json.dumps({**ADA, "modified_at": "2026-01-31T12:00:00"}).encode(), RULES)

    assert record.modified_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert record.warnings == ("time_without_zone",)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"id": 1, "email": ', [("", "json_malformed")]),
        (b"[1, 2]", [("", "not_an_object")]),
        (b"null", [("", "not_an_object")]),
        (b'{"id": 1, "email": NaN}', [("", "not_a_number")]),
        (b'{"id": 1, "email": "\\ud800@example.org"}', [("", "lone_surrogate")]),
        (b'{"id": 1, "email": "\xff@example.org"}', [("", "not_utf8")]),
        (b"[" * 100_000, [("", "json_malformed")]),
    ],
)
def test_malformed_record_is_rejected(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert reasons(raw) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"email": ""}, [("/email", "missing")]),
        ({"email": None}, [("/email", "missing")]),
        ({"email": "ada@localhost"}, [("/email", "email_malformed")]),
        ({"email": 7}, [("/email", "wrong_type")]),
        ({"firstName": "A\u0000da"}, [("/first_name", "control_character")]),
        ({"firstName": "x" * 201}, [("/first_name", "too_long")]),
        ({"modified_at": "0001-01-01T00:00:00Z"}, [("/modified_at", "out_of_range")]),
        ({"modified_at": "9999-12-31T23:59:59-12:00"}, [("/modified_at", "out_of_range")]),
        ({"modified_at": "2031-01-01T00:00:00Z"}, [("/modified_at", "out_of_range")]),
        ({"modified_at": 1e30}, [("/modified_at", "out_of_range")]),
        ({"modified_at": "2026-01-01T00:00:00 Mars/Phobos"}, [("/modified_at", "time_malformed")]),
        ({"modified_at": "2026-02-30T00:00:00Z"}, [("/modified_at", "time_malformed")]),
        ({"roles": {"a": 1}}, [("/roles", "wrong_type")]),
        ({"profile": "none"}, [("/profile", "wrong_type")]),
        ({"profile": {"preferences": {"notifications": "perhaps"}}},
         [("/profile/preferences/notifications", "wrong_type")]),
    ],
)  # fmt: skip
def test_bad_fields_are_named_with_their_reason(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert reasons({**ADA, **fields}) == expected


def test_all_errors_of_a_record_are_found() -> None:
    record = {"id": 1, "email": "nobody", "lastName": "x\u0001", "created_at": "0001-01-01T00:00:00Z"}

    assert reasons(record, required=("email", "first_name")) == [
        ("/email", "email_malformed"),
        ("/last_name", "control_character"),
        ("/created_at", "out_of_range"),
        ("/first_name", "missing"),
    ]


def test_all_errors_of_a_mistyped_record_are_found() -> None:
    assert reasons({"id": True, "email": 7, "modified_at": "soon"}) == [
        ("/id", "wrong_type"),
        ("/email", "wrong_type"),
        ("/modified_at", "time_malformed"),
    ]


def test_oversized_record_is_rejected_unread() -> None:
    assert reasons({**ADA, "bio": "x" * 2000}, max_record_bytes=1024) == [("", "too_large")]


def test_tombstone_needs_only_its_id() -> None:
    record = to_user_record(b'{"id": 1, "deleted": true}', RULES)

    assert (record.key, record.values) == ("crm:1", None)


def test_list_may_be_one_text() -> None:
    assert values(roles="admin; staff|admin", tags=[" a ", "", "a"])["roles"] == ["admin", "staff"]


def test_repeated_values_get_their_findings_each_time() -> None:
    """What is read once is remembered, but never without its error or its warning."""
    unknown = {**ADA, "profile": {"preferences": {"theme": "purple"}}}
    bad = {**ADA, "firstName": "a\u0000b"}

    warnings = [to_user_record(json.dumps(unknown).encode(), RULES).warnings for _ in range(2)]
    rejected = [reasons(bad) for _ in range(2)]

    assert warnings == [("theme_unknown",)] * 2
    assert rejected == [[("/first_name", "control_character")]] * 2


def test_users_share_no_remembered_preferences() -> None:
    given = {**ADA, "profile": {"preferences": {"theme": "dark"}}}
    first, second = (to_user_record(json.dumps(given).encode(), RULES).values for _ in range(2))
    assert first is not None
    assert second is not None

    first["profile"]["preferences"]["theme"] = "light"

    assert second["profile"]["preferences"]["theme"] == "dark"


def test_more_values_than_are_remembered() -> None:
    names = [f"Name {number}" for number in range(MAX_REMEMBERED + 2)]

    read = [values(firstName=name)["first_name"] for name in (*names, *names[:3])]

    assert read == [*names, *names[:3]]
