"""The counters of rules of time, down to quarter hours. Pure.

A user violates such a rule when its time is before a cut-off, which moves. So the times are counted, in the totals
and in one document for each rule and UTC month:

    totals: {years: {"updated_lately@9c…": {"2026": 2}}, months: {"updated_lately@9c…": {"2026": {"01": 2}}}}
    {_id: "times:updated_lately@9c…:2026-01", days: {"31": 2}, slots: {"31": {"37": 2}}}

A slot is a quarter of an hour, by its number in the day. Each level repeats the sums of the level below. So the
users before a slot are known from the totals and one month, at any number of users; within it the index counts.

Verdicts of older releases, and times outside of the years that are kept by month, count in one document for each
rule and year, and only down to the day:

    {_id: "days:updated_lately@9c…:2026", days: {"0131": 2}}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

DAYS_PREFIX: Final = "days:"
TIMES_PREFIX: Final = "times:"
SLOT: Final = timedelta(minutes=15)
# Other clients may write any time, and the totals must not grow with it. A cut-off is in one of these years.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200

Numbers = Mapping[str, int]


def days_id(rule_id: str, year: str) -> str:
    """Name the document of the days of a rule and a year."""
    return f"{DAYS_PREFIX}{rule_id}:{year}"


def times_id(rule_id: str, month: str) -> str:
    """Name the document of the days and slots of a rule and a month, `2026-01`."""
    return f"{TIMES_PREFIX}{rule_id}:{month}"


def is_kept_by_month(moment: datetime) -> bool:
    """Tell whether a time is in one of the years that are kept by month."""
    return FIRST_YEAR <= moment.year <= LAST_YEAR


def slot_number(moment: datetime) -> int:
    """Return the number of the quarter hour in the day."""
    return moment.hour * 4 + moment.minute // 15


def slot_start(moment: datetime) -> datetime:
    """Return the begin of the quarter hour that a time is in."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The stored counters of one rule of time; any part may be missing.

    `months` are those of the year of the cut-off, `month` is the document of its month, `older` holds the days of
    its year that are counted only by day.
    """

    years: Numbers = field(default_factory=dict)
    months: Numbers = field(default_factory=dict)
    month: Mapping[str, Any] = field(default_factory=dict)
    older: Numbers = field(default_factory=dict)

    def is_by_slot(self, cutoff: date) -> bool:
        """Tell whether every user of the year of the cut-off is counted by slot."""
        return sum(self.months.values()) == self.years.get(f"{cutoff.year:04}", 0)

    def before_day(self, cutoff: date) -> int:
        """Count the users whose day is before that of the cut-off."""
        days: Numbers = self.month.get("days", {})
        return (
            _before(self.years, f"{cutoff.year:04}")
            + _before(self.older, f"{cutoff.month:02}{cutoff.day:02}")
            + _before(self.months, f"{cutoff.month:02}")
            + _before(days, f"{cutoff.day:02}")
        )

    def before_slot(self, cutoff: datetime) -> int:
        """Count the users whose quarter hour is before that of the cut-off.

        Right only if `is_by_slot`.
        """
        slots: Numbers = self.month.get("slots", {}).get(f"{cutoff.day:02}", {})
        return self.before_day(cutoff) + _before(slots, f"{slot_number(cutoff):02}")


def _before(numbers: Numbers, limit: str) -> int:
    return sum([number for name, number in numbers.items() if name < limit])


def years_of(documents: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Add up the days of each rule of time by year: the `years` of the totals.

    Args:
        documents: The documents of the days of all rules, years and months; others are left out.
    """
    years: dict[str, dict[str, int]] = {}
    for document in documents:
        prefix, _, name = str(document["_id"]).partition(":")
        if f"{prefix}:" in {DAYS_PREFIX, TIMES_PREFIX}:
            rule_id, _, time = name.rpartition(":")
            own = years.setdefault(rule_id, {})
            own[time[:4]] = own.get(time[:4], 0) + sum(document.get("days", {}).values())
    return years
