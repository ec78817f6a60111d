"""The range and the step of the chart of registrations."""

from datetime import date, timedelta

import pytest

from docustore.dashboard.trend import MAX_BARS, trend_of

TODAY = date(2026, 11, 26)


def days(first: date, number: int, *, count: int = 1) -> dict[str, int]:
    return {(first + timedelta(days=day)).isoformat(): count for day in range(number)}


def test_nothing_is_no_bar() -> None:
    assert trend_of({"2026-11-26": 0}, today=TODAY) == {"unit": "day", "bars": [], "left_out": 0}


@pytest.mark.parametrize(
    ("span", "unit"),
    [
        (1, "day"),
        (MAX_BARS, "day"),
        (MAX_BARS + 1, "week"),
        (434, "week"),
        (435, "month"),
        (1884, "month"),
        (1885, "year"),
    ],
)
def test_step_follows_from_the_span(span: int, unit: str) -> None:
    """The ends hold one registration of a hundred each, so that nothing is left out."""
    first = date(2010, 1, 1)
    last = first + timedelta(days=span - 1)

    found = trend_of({first.isoformat(): 1, last.isoformat(): 1}, today=date(2030, 1, 1))

    assert (found["unit"], found["left_out"]) == (unit, 0)
    assert sum(bar["count"] for bar in found["bars"]) == len({first, last})
    assert len(found["bars"]) <= MAX_BARS + 1


def test_old_registrations_are_shown_where_they_are() -> None:
    """A store that was loaded from elsewhere has no registrations in the last days."""
    found = trend_of(days(date(2021, 3, 1), 20, count=5), today=TODAY)

    assert [bar["start"] for bar in found["bars"]][::19] == ["2021-03-01", "2021-03-20"]
    assert sum(bar["count"] for bar in found["bars"]) == 100


def test_range_reaches_the_present_if_it_is_near() -> None:
    found = trend_of(days(date(2026, 11, 1), 10), today=TODAY)

    assert (found["bars"][0]["start"], found["bars"][-1]) == ("2026-11-01", {"start": "2026-11-26", "count": 0})


def test_few_wrong_times_are_left_out_and_counted() -> None:
    """One registration of 1970 and one of 2090 would make all others a single bar."""
    found = trend_of({**days(date(2026, 10, 1), 50, count=4), "1970-01-01": 1, "2090-01-01": 1}, today=TODAY)

    assert (found["unit"], found["left_out"], found["bars"][0]["start"]) == ("day", 2, "2026-10-01")


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2026-11-27", "9999-12-31"])
def test_impossible_times_are_left_out(day: str) -> None:
    """The last year has no next one: one such user ended every view of the page."""
    alone = trend_of({day: 1}, today=TODAY)
    beside = trend_of({day: 1, "2026-11-20": 1}, today=TODAY)

    assert alone == {"unit": "day", "bars": [], "left_out": 1}
    assert (beside["left_out"], beside["bars"][0]) == (1, {"start": "2026-11-20", "count": 1})


def test_weeks_begin_on_monday_and_months_have_no_gap() -> None:
    weeks = trend_of({"2026-01-01": 1, "2026-06-30": 1}, today=TODAY)
    months = trend_of({"2024-01-31": 1, "2026-03-01": 1}, today=date(2029, 1, 1))

    assert weeks["bars"][0] == {"start": "2025-12-29", "count": 1}
    assert [bar["start"] for bar in months["bars"]][:3] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert len(months["bars"]) == 27
