"""What is understood of fields whose types are not the expected ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.etl.coerce import coerce
from docustore.etl.records import RecordRejectedError


def reasons(record: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(RecordRejectedError) as rejected:
        coerce(record)
    return [(error.pointer, error.code) for error in rejected.value.errors]


def test_field_after_a_missing_one_is_read() -> None:
    record = coerce({"id": None, "email": None, "first_name": "Ada", "profile": {"bio": None, "location": "Oslo"}})

    assert (record.id, record.email, record.first_name) == (None, None, "Ada")
    assert record.profile is not None
    assert (record.profile.bio, record.profile.location) == (None, "Oslo")


@pytest.mark.parametrize(("given", "expected"), [(7, "7"), ("7", "7"), (0, "0")])
def test_id_is_a_text_or_a_whole_number(given: object, expected: str) -> None:
    assert coerce({"id": given}).id == expected


@pytest.mark.parametrize("given", [True, False, 1.5, [], {}])
def test_anything_else_is_no_id(given: object) -> None:
    assert reasons({"id": given}) == [("/id", "wrong_type")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((word, True) for word in (True, 1, "1", "true", "YES", " y ", "T", "on")),
        *((word, False) for word in (False, 0, "0", "false", "No", "n", "F", "off", "", "  ")),
    ],
)
def test_flag_may_come_as_a_word(given: object, *, expected: bool) -> None:
    assert coerce({"deleted": given}).deleted is expected


@pytest.mark.parametrize("given", [2, "perhaps", [], 1.5])
def test_other_words_are_no_flag(given: object) -> None:
    assert reasons({"deleted": given}) == [("/deleted", "wrong_type")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a;b|c,d", ["a", "b", "c", "d"]), (["a", "b"], ["a", "b"]), ([], []), ("a", ["a"])],
)
def test_labels_are_a_list_or_one_text(given: object, expected: list[str]) -> None:
    assert coerce({"tags": given}).tags == expected


@pytest.mark.parametrize("given", [[1], ["a", None], {"a": 1}, 7, ("a",)])
def test_anything_else_is_no_list_of_labels(given: object) -> None:
    assert reasons({"tags": given}) == [("/tags", "wrong_type")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1.5, datetime(1969, 12, 31, 23, 59, 58, 500_000, UTC)),
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (100_000_000_001, datetime(1973, 3, 3, 9, 46, 40, 1000, UTC)),
        (-100_000_000_000, datetime(1966, 10, 31, 14, 13, 20, tzinfo=UTC)),
        (253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
        ("", None),
        (" \t", None),
        (" 2026-01-31 ", datetime(2026, 1, 31)),  # noqa: DTZ001  # a time without a zone is the case
    ],
)
def test_epoch_numbers_are_seconds_or_milliseconds(given: object, expected: datetime | None) -> None:
    """From 10**11 on, a number is taken for milliseconds."""
    read = coerce({"modified_at": given}).modified_at

    if expected is None or expected.tzinfo is None:
        assert read == expected
    else:
        assert read is not None
        assert abs(read - expected) < timedelta(microseconds=50)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (True, "wrong_type"),
        (False, "wrong_type"),
        ([], "wrong_type"),
        (253_402_300_800_000, "out_of_range"),
        (1e300, "out_of_range"),
        (float("nan"), "out_of_range"),
        ("soon", "time_malformed"),
    ],
)
def test_what_is_no_time_says_why(given: object, code: str) -> None:
    assert reasons({"modified_at": given}) == [("/modified_at", code)]


@pytest.mark.parametrize(
    ("record", "pointers"),
    [
        ({"profile": []}, ["/profile"]),
        ({"profile": {"preferences": "dark"}}, ["/profile/preferences"]),
        ({"profile": {"bio": 1, "preferences": {"theme": 2}}}, ["/profile/bio", "/profile/preferences/theme"]),
        ({"email": 1, "profile": {"location": 2}}, ["/email", "/profile/location"]),
    ],
)
def test_every_wrong_field_is_named_where_it_stands(record: dict[str, Any], pointers: list[str]) -> None:
    assert reasons(record) == [(pointer, "wrong_type") for pointer in pointers]
