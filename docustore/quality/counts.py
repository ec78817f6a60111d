"""The counters of all verdicts, moved by each verdict that changes. Pure.

`quality_counts` holds one document of totals and one for each rule of time and year:

    {_id: "totals", users: 7, rules: {"email_valid@3f…": {users: 7, violated: 1, skipped: 0, inapplicable: 0}},
     years: {"updated_lately@9c…": {"2026": 2}}}
    {_id: "days:updated_lately@9c…:2026", days: {"0131": 2}}

`years` repeats the sums of the days, so that a report reads the days of one year only.

`quality_values` counts the users of each value that must be unique: `{_id: {rule, value}, users: 2}`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from docustore.quality.verdict import Verdict, rule_ids

COUNTS: Final = "quality_counts"
VALUES: Final = "quality_values"
TOTALS_ID: Final = "totals"
DAYS_PREFIX: Final = "days:"
COUNTED: Final = ("violated", "skipped", "inapplicable")

Value = tuple[str, str]


@dataclass(slots=True)
class QualityCounts:
    """Figures, or a difference of figures; zeros may be there.

    `rules` has the keys `(rule id, figure)`; the figures are `users` and those of `COUNTED`. `days` has the keys
    `(rule id, ISO date)`. `values` has the keys `(rule id, digest of the value)`.
    """

    users: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: Counter[Value] = field(default_factory=Counter)

    def add(self, verdict: Verdict | None, sign: int) -> None:
        """Count a verdict in (1) or out (-1)."""
        if verdict is None:
            return
        self.users += sign
        for rule_id in rule_ids(verdict):
            self.rules[rule_id, "users"] += sign
        for figure in COUNTED:
            for rule_id in verdict[figure]:
                self.rules[rule_id, figure] += sign
        for clock in verdict["clocks"]:
            self.days[clock["rule"], day_of(clock["at"])] += sign
        for key in verdict["keys"]:
            self.values[key["rule"], key["value"]] += sign

    def increments(self) -> dict[str, dict[str, int]]:
        """Write the difference as `$inc` operands, without zeros.

        By document of `quality_counts`.
        """
        documents: dict[str, dict[str, int]] = {}
        if self.users:
            documents.setdefault(TOTALS_ID, {})["users"] = self.users
        for (rule_id, figure), number in self.rules.items():
            if number:
                documents.setdefault(TOTALS_ID, {})[f"rules.{rule_id}.{figure}"] = number
        for (rule_id, day), number in self.days.items():
            if number:
                documents.setdefault(days_id(rule_id, day[:4]), {})[f"days.{day[5:7]}{day[8:]}"] = number
        for (rule_id, year), number in self._years().items():
            if number:
                documents.setdefault(TOTALS_ID, {})[f"years.{rule_id}.{year}"] = number
        return documents

    def _years(self) -> Counter[tuple[str, str]]:
        years: Counter[tuple[str, str]] = Counter()
        for (rule_id, day), number in self.days.items():
            years[rule_id, day[:4]] += number
        return years

    def shared(self, stored: dict[Value, int]) -> dict[str, int]:
        """Return how the number of users with a shared value changes, by rule.

        Args:
            stored: The users of each value of the difference before it; absent = none.
        """
        changed: Counter[str] = Counter()
        for value, number in self.values.items():
            before = stored.get(value, 0)
            changed[value[0]] += _sharing(before + number) - _sharing(before)
        return {rule_id: number for rule_id, number in changed.items() if number}


def _sharing(users: int) -> int:
    """Return how many users violate a rule because `users` have one value."""
    return users if users > 1 else 0


def days_id(rule_id: str, year: str) -> str:
    """Name the document of the days of a rule and a year."""
    return f"{DAYS_PREFIX}{rule_id}:{year}"


def day_of(moment: datetime) -> str:
    """Return the UTC day of a naive time as ISO text."""
    return moment.date().isoformat()


def users_before(years: Mapping[str, int], days: Mapping[str, int], cutoff: date) -> int:
    """Add up the users of a rule of time whose day is before the day of the cut-off.

    Args:
        years: The users of each year.
        days: The users of each day of the year of the cut-off.
    """
    year, limit = f"{cutoff.year:04}", f"{cutoff.month:02}{cutoff.day:02}"
    before = sum(number for each, number in years.items() if each < year)
    return before + sum(number for day, number in days.items() if day < limit)


def years_of(documents: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Add up the days of each rule of time by year: the `years` of the totals.

    Args:
        documents: The documents of the days of all rules and years; others are left out.
    """
    years: dict[str, dict[str, int]] = {}
    for document in documents:
        name = str(document["_id"])
        if name.startswith(DAYS_PREFIX):
            rule_id, _, year = name.removeprefix(DAYS_PREFIX).rpartition(":")
            years.setdefault(rule_id, {})[year] = sum(document.get("days", {}).values())
    return years
