"""Local times, also where the clocks change."""

from datetime import UTC, datetime

import pytest

from docustore.etl.mapping.local_times import check_format, in_zone, time_reader
from docustore.recurrence import parse_zone

BERLIN = parse_zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("local", "utc", "is_ambiguous"),
    [
        ("2026-01-31T12:00", datetime(2026, 1, 31, 11, tzinfo=UTC), False),
        ("2026-07-01T12:00", datetime(2026, 7, 1, 10, tzinfo=UTC), False),
        # 29 March 2026: 02:00 to 03:00 does not exist. 02:30 is moved to 03:30.
        ("2026-03-29T01:59", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), False),
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), True),
        ("2026-03-29T03:00", datetime(2026, 3, 29, 1, tzinfo=UTC), False),
        # 25 October 2026: 02:00 to 03:00 exists twice. The first one counts.
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        ("2026-10-25T03:00", datetime(2026, 10, 25, 2, tzinfo=UTC), False),
    ],
)
def test_clock_changes_have_a_rule(local: str, utc: datetime, is_ambiguous: bool) -> None:
    assert in_zone(datetime.fromisoformat(local), BERLIN) == (utc, is_ambiguous)


def test_day_that_starts_in_a_gap_starts_later() -> None:
    """In Santiago, the clocks jump at midnight: this date has no 00:00."""
    read = time_reader(("%d.%m.%Y",), parse_zone("America/Santiago"))

    assert read("06.09.2026") == (datetime(2026, 9, 6, 4, tzinfo=UTC), True)


def test_first_format_that_fits_counts() -> None:
    read = time_reader(("%d.%m.%Y %H:%M", "%d.%m.%Y"), BERLIN)

    assert read("31.01.2026 12:30") == (datetime(2026, 1, 31, 11, 30, tzinfo=UTC), False)
    assert read("31.01.2026") == (datetime(2026, 1, 30, 23, tzinfo=UTC), False)
    with pytest.raises(ValueError, match=r"not in the form %d.%m.%Y %H:%M or %d.%m.%Y"):
        read("2026-01-31")


def test_zone_of_the_text_counts_over_the_setting() -> None:
    read = time_reader((), BERLIN)

    assert read("2026-01-31T12:00:00+05:30")[0] == datetime(2026, 1, 31, 6, 30, tzinfo=UTC)
    assert read("2026-01-31T12:00:00")[0] == datetime(2026, 1, 31, 11, tzinfo=UTC)


def test_without_a_zone_the_time_has_none() -> None:
    time, is_ambiguous = time_reader(("%d.%m.%Y",), None)("31.01.2026")

    assert (time.isoformat(), is_ambiguous) == ("2026-01-31T00:00:00", False)


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "Europe", "CEST+1"])
def test_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name such as Europe/Amsterdam"):
        parse_zone(name)


@pytest.mark.parametrize("pattern", ["%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%d-%b-%Y %H:%M:%S", "%d.%m.%Y %H:%M %z"])
def test_format_with_a_date_is_taken(pattern: str) -> None:
    check_format(pattern)


@pytest.mark.parametrize("pattern", ["%H:%M", "%d.%m", "dd.mm.yyyy", "%Y", "%", "%Q"])
def test_format_without_a_date_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"use a form such as %d.%m.%Y"):
        check_format(pattern)
