"""Buckets of time zones: whole local hours, days, weeks and months."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from docustore.analytics.cube.buckets import (
    Bucket,
    BucketUnit,
    Calendar,
    Period,
    Weekday,
    buckets_of,
    floor_day,
    midnight,
    period_of,
)
from docustore.analytics.cube.slots import start_of

ZONES = ("UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe")


def cut(first: str, end: str, unit: str, zone: str, week_start: Weekday = Weekday.MONDAY) -> tuple[Bucket, ...]:
    own = ZoneInfo(zone)
    period = period_of(
        datetime.fromisoformat(first).replace(tzinfo=own), datetime.fromisoformat(end).replace(tzinfo=own)
    )
    return buckets_of(period, BucketUnit(unit), Calendar(zone=own, week_start=week_start))


def starts(buckets: list[Bucket]) -> list[str]:
    return [bucket.start.isoformat(timespec="minutes") for bucket in buckets]


def hours(buckets: list[Bucket]) -> list[float]:
    return [(bucket.end - bucket.first) / 4 for bucket in buckets]


@pytest.mark.parametrize("unit", BucketUnit)
@pytest.mark.parametrize("zone", ZONES)
def test_buckets_cover_the_period_once(zone: str, unit: BucketUnit) -> None:
    """No gap, no overlap; every bucket begins where the local time says."""
    calendar = Calendar(zone=ZoneInfo(zone), week_start=Weekday.SUNDAY)
    start = datetime(2024, 3, 1, 7, 20, tzinfo=UTC)
    for months in range(10):
        begin = start + timedelta(days=29 * months)
        period = period_of(begin, begin + timedelta(days=12, hours=5))
        buckets = buckets_of(period, unit, calendar)

        assert buckets[0].first == period.first
        assert buckets[-1].end == period.end
        assert all(one.end == other.first for one, other in pairwise(buckets))
        assert all(bucket.first < bucket.end for bucket in buckets)
        assert all(bucket.is_whole for bucket in buckets[1:-1])
        for bucket in buckets:
            # In UTC: Python never finds a repeated hour equal to a time of another zone.
            assert bucket.start.astimezone(UTC) == start_of(bucket.natural_first)
            if unit is not BucketUnit.HOUR:
                local = bucket.start.date()
                assert floor_day(local, unit, calendar.week_start) == local
                assert midnight(local, calendar.zone) == bucket.start.astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Amsterdam", "2024-03-31", 23),
        ("Europe/Amsterdam", "2024-10-27", 25),
        ("Australia/Lord_Howe", "2024-04-07", 24.5),
        ("Australia/Lord_Howe", "2024-10-06", 23.5),
        ("Asia/Kathmandu", "2024-03-31", 24),
        # The clocks skip midnight.
        ("America/Havana", "2024-03-10", 23),
    ],
)
def test_day_of_a_clock_change(zone: str, day: str, length: float) -> None:
    following = (date.fromisoformat(day) + timedelta(days=1)).isoformat()

    assert hours(cut(day, following, "day", zone)) == [length]


def test_days_of_kathmandu_begin_at_a_quarter() -> None:
    [first, _] = cut("2024-05-01", "2024-05-03", "day", "Asia/Kathmandu")

    assert start_of(first.first) == datetime(2024, 4, 30, 18, 15, tzinfo=UTC)


def test_repeated_hour_is_two_buckets() -> None:
    found = cut("2024-10-27T01:00", "2024-10-27T04:00", "hour", "Europe/Amsterdam")

    assert starts(found) == [
        "2024-10-27T01:00+02:00",
        "2024-10-27T02:00+02:00",
        "2024-10-27T02:00+01:00",
        "2024-10-27T03:00+01:00",
    ]
    assert hours(found) == [1, 1, 1, 1]


def test_skipped_hour_is_no_bucket() -> None:
    found = cut("2024-03-31T01:00", "2024-03-31T04:00", "hour", "Europe/Amsterdam")

    assert starts(found) == ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]


def test_change_by_half_an_hour() -> None:
    found = cut("2024-10-06T01:00", "2024-10-06T04:00", "hour", "Australia/Lord_Howe")

    assert hours(found) == [1, 0.5, 1]


def test_hours_of_kolkata() -> None:
    found = cut("2024-05-01T09:45", "2024-05-01T11:15", "hour", "Asia/Kolkata")

    assert starts(found) == ["2024-05-01T09:00+05:30", "2024-05-01T10:00+05:30", "2024-05-01T11:00+05:30"]
    assert hours(found) == [0.25, 1, 0.25]
    assert [bucket.is_whole for bucket in found] == [False, True, False]


@pytest.mark.parametrize(("week_start", "first"), [(Weekday.MONDAY, "2024-04-29"), (Weekday.SUNDAY, "2024-04-28")])
def test_week_begins_where_one_says(week_start: Weekday, first: str) -> None:
    [only] = cut("2024-05-01", "2024-05-02", "week", "UTC", week_start)

    assert starts([only]) == [f"{first}T00:00+00:00"]
    assert not only.is_whole


def test_months_have_their_lengths() -> None:
    found = cut("2023-12-01", "2024-04-01", "month", "Europe/Amsterdam")

    assert hours(found) == [31 * 24, 31 * 24, 29 * 24, 31 * 24 - 1]


def test_buckets_end_at_the_limit() -> None:
    period = Period(first=0, end=96 * 100)

    found = buckets_of(period, BucketUnit.DAY, Calendar(zone=ZoneInfo("UTC")), limit=10)

    assert len(found) == 11


def test_period_before_is_as_long() -> None:
    """Over a clock change too: by elapsed time."""
    period = period_of(datetime(2024, 3, 25, tzinfo=UTC), datetime(2024, 4, 4, tzinfo=UTC))

    assert period.before() == Period(first=period.first - 960, end=period.first)
    assert period.before(by_weeks=True) == Period(first=period.first - 14 * 96, end=period.end - 14 * 96)
    one_week = Period(first=0, end=7 * 96)
    assert one_week.before(by_weeks=True) == one_week.before()


def test_times_widen_to_quarters() -> None:
    period = period_of(datetime(2024, 5, 1, 9, 17, tzinfo=UTC), datetime(2024, 5, 1, 9, 31, tzinfo=UTC))

    assert (period.start_at.minute, period.end_at.minute) == (15, 45)
