"""Slots: intervals and cron expressions, over clock changes of several zones."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.recurrence import Recurrence, parse_recurrence

# Clock changes: Europe, America, half an hour (Lord Howe), the southern half, none (Kathmandu), a zone with
# "winter time" in summer (Dublin), a day that does not exist (Apia, 2011), one change at midnight (Santiago).
ZONES = [
    "Europe/Amsterdam",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Europe/Dublin",
    "America/Santiago",
    "Pacific/Apia",
    "UTC",
]
EXPRESSIONS = ["hourly", "every 15m", "every 6h", "30 2 * * *", "*/20 * * * *", "0 0 * * 0", "15 1,2,3 * * 1-5"]
SECONDS_OF_30_YEARS = 30 * 365 * 86_400
MOMENTS = st.integers(0, SECONDS_OF_30_YEARS).map(
    lambda s: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


def recurrence(text: str, timezone: str = "UTC") -> Recurrence:
    found = parse_recurrence(text, timezone=timezone)
    assert found is not None
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def slots(text: str, timezone: str, *, start: datetime, end: datetime) -> list[datetime]:
    rule = recurrence(text, timezone)
    found = [rule.next_after(start)]
    while found[-1] < end:
        found.append(rule.next_after(found[-1]))
    return found[:-1]


@given(MOMENTS, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES))
def test_latest_and_next_slot_enclose_every_moment(now: datetime, text: str, timezone: str) -> None:
    rule = recurrence(text, timezone)

    latest, following = rule.latest(now), rule.next_after(now)

    assert latest is not None
    assert latest <= now < following
    assert rule.latest(following) == following
    assert rule.latest(following - timedelta(microseconds=1)) == latest
    assert rule.next_after(latest) == following


@pytest.mark.parametrize("timezone", [zone for zone in ZONES if zone != "Pacific/Apia"])
@pytest.mark.parametrize("text", ["30 2 * * *", "0 0 * * *", "15 1 * * *", "45 1 * * *"])
def test_daily_slot_comes_once_a_day_over_both_changes(timezone: str, text: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=ZoneInfo(timezone)) - timedelta(seconds=1)
    end = datetime(2027, 1, 1, tzinfo=ZoneInfo(timezone))

    days = [slot.astimezone(ZoneInfo(timezone)).date() for slot in slots(text, timezone, start=start, end=end)]

    assert len(days) == 365
    assert len(set(days)) == 365


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("text", ["hourly", "0 * * * *"])
def test_hourly_slots_follow_real_time_over_both_changes(timezone: str, text: str) -> None:
    start, end = at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")

    found = slots(text, timezone, start=start, end=end)

    gaps = {after - before for before, after in pairwise(found)}
    # A zone whose offset changes by half an hour has one short and one long hour.
    assert gaps - {timedelta(minutes=30), timedelta(minutes=90)} == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("timezone", "text", "before", "slot"),
    [
        # 02:30 does not exist: the first moment after the missing hour.
        ("Europe/Amsterdam", "30 2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"),
        ("America/New_York", "30 2 * * *", "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"),
        # 02:30 exists twice: the first one.
        ("Europe/Amsterdam", "30 2 * * *", "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("America/New_York", "30 1 * * *", "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00"),
        # Inside the second pass, the next one is tomorrow's.
        ("Europe/Amsterdam", "30 2 * * *", "2026-10-25T02:10:00+01:00", "2026-10-26T02:30:00+01:00"),
        # Midnight does not exist.
        ("America/Santiago", "0 0 * * *", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00"),
    ],
)
def test_slot_at_a_clock_change(timezone: str, text: str, before: str, slot: str) -> None:
    assert recurrence(text, timezone).next_after(at(before)) == at(slot)


@pytest.mark.parametrize(
    ("text", "now", "latest", "following"),
    [
        ("hourly", "2026-11-01T12:59:59Z", "2026-11-01T12:00:00Z", "2026-11-01T13:00:00Z"),
        ("hourly", "2026-11-01T13:00:00Z", "2026-11-01T13:00:00Z", "2026-11-01T14:00:00Z"),
        ("every 6h", "2026-11-01T17:00:00Z", "2026-11-01T12:00:00Z", "2026-11-01T18:00:00Z"),
        ("every 1d", "2026-11-01T17:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
        ("daily", "2026-11-01T17:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
        ("weekly", "2026-11-04T17:00:00Z", "2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z"),
        ("monthly", "2026-11-04T17:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("0 0 29 2 *", "2026-11-04T17:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_slots_of_each_form(text: str, now: str, latest: str, following: str) -> None:
    rule = recurrence(text)

    assert (rule.latest(at(now)), rule.next_after(at(now))) == (at(latest), at(following))


@pytest.mark.parametrize(("text", "is_interval"), [("hourly", True), ("every 6h", True), ("0 3 * * *", False)])
def test_intervals_are_told_from_times_of_the_day(text: str, is_interval: bool) -> None:
    assert recurrence(text).is_interval is is_interval


def test_off_never_recurs() -> None:
    assert parse_recurrence("off") is None


@pytest.mark.parametrize(
    "text",
    ["", "sometimes", "every 0m", "every 15", "every 15s", "every 400d", "61 * * * *", "0 3 * *", "0 0 30 2 *"],
)
def test_unknown_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|cron|year"):
        parse_recurrence(text)


@pytest.mark.parametrize("timezone", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_unknown_zone_is_refused(timezone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse_recurrence("0 3 * * *", timezone=timezone)
