"""Which parts of time the counters sum, and the buckets that they are in."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.slots import first_slot, slot_of, start_of
from docustore.analytics.query.model import TimeRange
from docustore.analytics.query.spans import Span, runs_of, spans_of

MANY = 1000


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def spans(first: str, end: str, **time: Any) -> list[Span]:
    run = Period(first=slot_of(at(first)), end=slot_of(at(end)))
    return spans_of(run, TimeRange.model_validate(time), limit=MANY)


def starts(first: str, end: str, **time: Any) -> list[str]:
    """Return the buckets of a run, on their clock."""
    zone = ZoneInfo(time.get("timezone", "UTC"))
    found = [span.start for span in spans(first, end, **time)]
    return list(dict.fromkeys(start.astimezone(zone).isoformat() for start in found if start is not None))


@pytest.mark.parametrize(
    ("months", "time", "expected"),
    [
        ([], {}, []),
        (["2024-12", "2025-01"], {}, [("2024-12-01", "2025-02-01")]),
        (
            ["0001-01", "2024-12", "9999-12"],
            {},
            [("0001-01-01", "0001-02-01"), ("2024-12-01", "2025-01-01"), None],
        ),
        (["2024-01", "2024-03"], {"since": "2024-02-10T00:00:00Z"}, [("2024-03-01", "2024-04-01")]),
        (
            ["2024-01", "2024-02", "2024-03"],
            {"since": "2024-01-31T00:00:00Z", "until": "2024-02-02T00:00:00Z"},
            [("2024-01-31", "2024-02-02")],
        ),
        (["2024-01"], {"until": "2024-01-01T00:00:00Z"}, []),
    ],
)
def test_runs_are_months_with_registrations(months: list[str], time: dict[str, Any], expected: list[Any]) -> None:
    found = runs_of(months, TimeRange.model_validate(time))

    last = Period(first=first_slot("9999-12"), end=first_slot("9999-12", "31") + 96)
    assert found == [
        last
        if each is None
        else Period(first=slot_of(at(f"{each[0]}T00:00Z")), end=slot_of(at(f"{each[1]}T00:00Z")))
        for each in expected
    ]


def test_quarters_begin_with_their_first_month() -> None:
    found = starts("2026-02-09T23:00Z", "2026-05-01T22:00Z", bucket="quarter", timezone="Europe/Amsterdam")

    assert found == ["2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]


def test_hour_within_which_the_clocks_change_is_two_buckets() -> None:
    """Lord Howe Island: at two o'clock its clocks go back by 30 minutes."""
    found = starts("2026-04-04T14:00Z", "2026-04-04T16:30Z", bucket="hour", timezone="Australia/Lord_Howe")

    assert found == ["2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+11:00", "2026-04-05T02:00:00+10:30"]


@pytest.mark.parametrize(
    ("bucket", "zone", "first", "end", "begin"),
    [
        # The bucket of its first user begins before the calendar.
        ("week", "UTC", "0001-01-01T00:00Z", "0001-01-02T00:00Z", "0001-01-01T00:00Z"),
        ("day", "Asia/Kathmandu", "0001-01-01T00:00Z", "0001-01-01T06:00Z", "0001-01-01T00:00Z"),
        # The bucket of its last user ends after it.
        ("year", "UTC", "9999-06-01T00:00Z", "9999-12-31T23:45Z", "9999-01-01T00:00Z"),
        ("day", "America/Caracas", "9999-12-31T04:00Z", "9999-12-31T23:45Z", "9999-12-31T04:00Z"),
        ("month", "Asia/Kathmandu", "9999-12-31T18:15Z", "9999-12-31T23:45Z", "9999-12-31T18:15Z"),
        ("hour", "Asia/Kathmandu", "9999-12-31T23:15Z", "9999-12-31T23:45Z", "9999-12-31T23:15Z"),
    ],
)
def test_buckets_reach_beyond_the_calendar(bucket: str, zone: str, first: str, end: str, begin: str) -> None:
    found = spans(first, end, bucket=bucket, timezone=zone, week_start="sunday")

    assert found[0].start == at(begin)
    assert (start_of(found[0].first), start_of(found[-1].end)) == (at(first), at(end))


def test_slot_in_which_a_bucket_begins_is_cut() -> None:
    """Until 1920 Kathmandu was 5:41:16 from UTC: its day begins 3 minutes and 44 seconds after a slot."""
    found = spans("1910-05-05T00:00Z", "1910-05-06T00:00Z", bucket="day", timezone="Asia/Kathmandu")

    assert [(each.first - found[0].first, each.end - found[0].first, each.is_cut) for each in found] == [
        (0, 73, False),
        (73, 74, True),
        (74, 96, False),
    ]
    assert found[1].start == found[2].start == datetime(1910, 5, 5, 18, 18, 44, tzinfo=UTC)


def test_clocks_that_change_within_a_slot_cut_it() -> None:
    """St. John's: its clocks went back at one minute past midnight."""
    found = spans("2009-11-01T01:30Z", "2009-11-01T04:00Z", bucket="hour", timezone="America/St_Johns")

    assert [start_of(each.first) for each in found if each.is_cut] == [at("2009-11-01T02:30Z")]


def test_usual_zones_cut_no_slot() -> None:
    found = spans("2016-04-01T00:00Z", "2016-06-01T00:00Z", bucket="hour", timezone="America/Caracas")

    assert not any(each.is_cut for each in found)


def test_too_many_buckets_are_not_all_made() -> None:
    assert len(spans("2020-01-01T00:00Z", "2026-01-01T00:00Z", bucket="hour")) == MANY + 1
