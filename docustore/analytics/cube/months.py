"""Sum months, days and slots of the counters by interval. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from docustore.analytics.cube.answers import CubeMetric
from docustore.analytics.cube.cohorts_report import months_between
from docustore.analytics.cube.counts import is_kept_year, year_field
from docustore.analytics.cube.slots import SLOTS_A_DAY, month_of, month_slots

# The parts of a document of a month: whole days suffice where all intervals begin and end at midnight UTC.
_BY_DAY = {CubeMetric.REGISTERED: "r", CubeMetric.PRESENT: "p"}
_BY_SLOT = {CubeMetric.REGISTERED: "rs", CubeMetric.PRESENT: "ps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeMonth:
    """A month that is in one interval: the sums that are kept beside the totals."""

    interval: int
    year: str
    registered: str
    present: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """The months of some intervals: `whole` ones and `cut` ones.

    An edge of an interval cuts the latter.
    """

    whole: tuple[WholeMonth, ...]
    cut: tuple[str, ...]

    @property
    def years(self) -> list[str]:
        """The fields of the years of whole months."""
        return sorted({each.year for each in self.whole})


# Depends on the edges only.
@lru_cache(maxsize=256)
def months_of(edges: tuple[int, ...]) -> Months:
    """Sort the months from the first edge to the last one."""
    whole, cut = [], []
    for month in all_months(edges):
        interval = _interval_of(month, edges)
        if interval is None or not is_kept_year(month[:4]):
            cut.append(month)
            continue
        year, number = year_field(month[:4]), month[5:]
        whole.append(WholeMonth(interval=interval, year=year, registered=f"r{number}", present=f"p{number}"))
    return Months(whole=tuple(whole), cut=tuple(cut))


def all_months(edges: Sequence[int]) -> list[str]:
    """List the months from the first edge to the last one."""
    return list(months_between(month_of(edges[0]), month_of(edges[-1] - 1)))


def parts_of(edges: Sequence[int]) -> Mapping[CubeMetric, str]:
    """Name the parts of a document of a month that the intervals need."""
    return _BY_SLOT if any(edge % SLOTS_A_DAY for edge in edges) else _BY_DAY


def add_whole(
    registered: list[int], present: list[int], document: Mapping[str, Any], whole: Sequence[WholeMonth]
) -> None:
    """Add the sums of whole months from a document of `analytics_values`."""
    for month in whole:
        year = document.get(month.year)
        if year is not None:
            registered[month.interval] += year.get(month.registered, 0)
            present[month.interval] += year.get(month.present, 0)


def summed(documents: Sequence[Mapping[str, Any]], part: str, edges: Sequence[int]) -> list[int]:
    """Sum one part of documents of months by interval.

    Args:
        part: One of `r`, `p` (by day), `rs`, `ps` (by slot).
    """
    sums = [0] * (len(edges) - 1)
    is_by_day = len(part) == 1
    for document in documents:
        month = document["_id"]["m"]
        interval = _interval_of(month, edges)
        if interval is not None:
            # The whole month, in a tenth of the time.
            sums[interval] += sum(document.get(part, {}).values())
            continue
        start, _ = month_slots(month)
        for name, number in document.get(part, {}).items():
            slot = start + (int(name[:2]) - 1) * SLOTS_A_DAY + (0 if is_by_day else int(name[2:]))
            if edges[0] <= slot < edges[-1]:
                sums[bisect_right(edges, slot) - 1] += number
    return sums


def _interval_of(month: str, edges: Sequence[int]) -> int | None:
    """Return the interval that holds all of a month; None if an edge cuts it."""
    start, end = month_slots(month)
    interval = bisect_right(edges, start) - 1
    return interval if 0 <= interval < len(edges) - 1 and end <= edges[interval + 1] else None
