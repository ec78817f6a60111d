"""Values of SQL drivers."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from docustore.etl.sources.sql_values import (
    bound_like,
    is_date_only,
    json_value,
    marked,
    parsed_json,
    start_of_window,
    unmarked,
)

BERLIN = ZoneInfo("Europe/Berlin")
# Drivers give such times for columns without a zone.
naive = datetime.fromisoformat
AT = datetime(2026, 7, 1, 10, 30, 15, 250_000, tzinfo=UTC)
ID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (naive("2026-07-01T12:30:00"), datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        (naive("2026-01-01T12:30:00"), datetime(2026, 1, 1, 11, 30, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5))), datetime(2026, 1, 1, 5, tzinfo=UTC)),
        (date(2026, 1, 1), date(2026, 1, 1)),
        (time(9, 30), "09:30:00"),
        (timedelta(days=1), "1 day, 0:00:00"),
        (Decimal("7.00"), 7),
        (Decimal("7.50"), Decimal("7.50")),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (b"\xff", "/w=="),
        (memoryview(b"abc"), "YWJj"),
        (bytearray(b"abc"), "YWJj"),
        (ID, ID),
        (None, None),
        (True, True),
        ("text", "text"),
        ([Decimal(1), {2: Decimal(3)}], [1, {"2": 3}]),
        ({"a"}, ["a"]),
        (range(2), [0, 1]),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_value_as_json(value: Any, expected: Any) -> None:
    found = json_value(value, BERLIN)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [('{"a": 1}', {"a": 1}), (b"[1]", [1]), ("{", "{"), (b"\xff", b"\xff"), ([1], [1]), (None, None)],
)
def test_column_of_json(value: Any, expected: Any) -> None:
    assert parsed_json(value) == expected


@pytest.mark.parametrize(
    ("sample", "bound"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), AT),
        (naive("2026-01-01T00:00:00"), naive("2026-07-01T12:30:15.250000")),
        (date(2026, 1, 1), date(2026, 7, 1)),
        (1_767_225_600, 1_782_901_815),
        (Decimal(1_767_225_600), 1_782_901_815),
        (1_767_225_600.5, 1_782_901_815),
        (1_767_225_600_000, 1_782_901_815_250),
        ("2026-01-01 00:00:00", "2026-07-01 12:30:15"),
        ("2026-01-01T00:00:00.123456", "2026-07-01T12:30:15"),
        ("2026-01-01T00:00:00Z", "2026-07-01T10:30:15"),
        ("2026-01-01 00:00:00+00:00", "2026-07-01 10:30:15"),
        ("2026-01-01", "2026-07-01"),
        (None, AT),
        (True, AT),
    ],
)
def test_bound_has_the_form_of_its_column(sample: Any, bound: Any) -> None:
    """Texts of another form would not compare like times."""
    assert bound_like(sample, AT, BERLIN) == bound


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z", "2026-10-24T23:15:00Z"),
        ("2026-10-25T00:15:00Z", None, "2026-10-25T00:15:00Z"),
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T01:00:00Z"),
        ("2026-03-29T00:15:00Z", "2026-03-29T01:15:00Z", "2026-03-29T00:15:00Z"),
        ("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z", "2026-07-01T00:00:00Z"),
    ],
)
def test_window_over_the_repeated_hour_starts_earlier(since: str, until: str | None, expected: str) -> None:
    """A row of 02:05 after the clocks were set back is written after one of 02:30 before."""
    end = None if until is None else datetime.fromisoformat(until)

    assert start_of_window(datetime.fromisoformat(since), end, BERLIN) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (date(2026, 1, 1), True),
        ("2026-01-01", True),
        (naive("2026-01-01T00:00:00"), False),
        ("2026-01-01 00", False),
        (7, False),
        (None, False),
    ],
)
def test_day_is_no_time(sample: Any, *, expected: bool) -> None:
    assert is_date_only(sample) is expected


@pytest.mark.parametrize(
    "value",
    [
        7,
        "a",
        None,
        1.5,
        True,
        AT,
        naive("2026-01-01T00:00:00"),
        date(2026, 1, 1),
        Decimal("7.50"),
        ID,
        b"\xff\x00",
    ],
)
def test_mark_keeps_a_value(value: Any) -> None:
    assert unmarked(marked(value)) == value


def test_other_value_is_marked_as_text() -> None:
    assert unmarked(marked(time(9, 30))) == "09:30:00"
