"""The figures of the report, at the bounds of its window."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from docustore.analytics.marts import UserMarts
from docustore.analytics.report import _average_age_days, _distribution, _trend

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("by_status", "expected"),
    [
        ({}, {"active": 0, "inactive": 0, "suspended": 0}),
        ({"active": 2, "suspended": 1}, {"active": 2, "inactive": 0, "suspended": 1}),
        ({"inactive": 1, "other": 3}, {"active": 0, "inactive": 1, "suspended": 0, "other": 3}),
    ],
)
def test_distribution_has_the_three_states(by_status: dict[str, int], expected: dict[str, int]) -> None:
    assert _distribution(UserMarts(by_status=by_status)) == expected


def test_trend_holds_its_first_and_its_last_day() -> None:
    counts = {f"2026-10-{day:02}": day for day in range(1, 32)}

    trend = _trend(UserMarts(registrations=counts), first_day=date(2026, 10, 7), last_day=date(2026, 10, 9))

    assert trend == [{"date": f"2026-10-{day:02}", "count": day} for day in (7, 8, 9)]


@pytest.mark.parametrize(
    ("ages_s", "expected"),
    [
        ([], 0.0),
        ([0], 0.0),
        ([86_400], 1.0),
        ([86_400, 3 * 86_400], 2.0),
        ([43_200], 0.5),
        ([864], 0.01),
        ([100_000], 1.16),
        ([86_400 * 1000 + 500], 1000.01),
        ([86_400 * 100_000], 100_000.0),
    ],
)
def test_average_age_is_in_days_to_two_places(ages_s: list[int], expected: float) -> None:
    marts = UserMarts(dated=len(ages_s), created_at_sum_s=sum(NOW_S - age_s for age_s in ages_s))

    assert _average_age_days(marts, now=NOW) == expected


def test_average_age_is_the_same_in_any_zone() -> None:
    marts = UserMarts(dated=1, created_at_sum_s=NOW_S - 86_400)

    assert _average_age_days(marts, now=NOW.astimezone(timezone(timedelta(hours=9)))) == 1.0
