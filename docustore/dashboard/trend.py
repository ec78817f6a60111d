"""Registrations over time, in a range that shows the data that there is. Pure.

A store that was loaded from another system has no registrations in the last days. So the range begins where nearly
all registrations begin, and its step follows from its length.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal, TypedDict

Unit = Literal["day", "week", "month", "year"]

# Registrations outside the range, in per cent: a few wrong times must not make the rest a single bar.
LEFT_OUT_PCT: Final = 2.0
MAX_BARS: Final = 62
# The analytics take no earlier time. A later one than today is wrong; clients write the year 9999 for "never".
FIRST_DAY: Final = date(1900, 1, 1)
_DAYS: Final[Mapping[Unit, float]] = {"day": 1, "week": 7, "month": 30.4, "year": 365.25}


class Bar(TypedDict):
    """Registrations of one step, which begins at `start`: an ISO date."""

    start: str
    count: int


class Trend(TypedDict):
    """Registrations per step, without gaps; `left_out` lie before or after them."""

    unit: Unit
    bars: list[Bar]
    left_out: int


def trend_of(days: Mapping[str, int], *, today: date) -> Trend:
    """Choose the step and the range.

    Args:
        days: Registrations by ISO day; zeros may be there.
    """
    every = sorted((date.fromisoformat(day), count) for day, count in days.items() if count > 0)
    counts = [(day, count) for day, count in every if FIRST_DAY <= day <= today]
    total = sum(count for _, count in counts)
    first = _edge(counts, budget=total * LEFT_OUT_PCT / 200)
    last = _edge(counts[::-1], budget=total * LEFT_OUT_PCT / 200)
    if first is None or last is None:
        return {"unit": "day", "bars": [], "left_out": sum(count for _, count in every)}
    if (today - last).days in range(MAX_BARS):
        # The present belongs to it.
        last = today
    unit = _unit(first, last)
    inside: Counter[date] = Counter()
    for day, count in counts:
        if first <= day <= last:
            inside[_start(day, unit)] += count
    bars: list[Bar] = []
    step = _start(first, unit)
    while step <= last:
        bars.append({"start": step.isoformat(), "count": inside[step]})
        step = _next(step, unit)
    return {"unit": unit, "bars": bars, "left_out": sum(count for _, count in every) - inside.total()}


def _edge(counts: list[tuple[date, int]], *, budget: float) -> date | None:
    """Return the first day before which at most `budget` registrations lie."""
    seen = 0
    for day, count in counts:
        seen += count
        if seen > budget:
            return day
    return None


def _unit(first: date, last: date) -> Unit:
    span = (last - first).days + 1
    return next((unit for unit, days in _DAYS.items() if span / days <= MAX_BARS), "year")


def _start(day: date, unit: Unit) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _next(start: date, unit: Unit) -> date:
    if unit == "month":
        return (start + timedelta(days=32)).replace(day=1)
    if unit == "year":
        return start.replace(year=start.year + 1)
    return start + timedelta(days=7 if unit == "week" else 1)
