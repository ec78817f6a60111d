"""The counters of all verdicts, moved by each verdict that changes. Pure.

`quality_counts` holds one document of totals, and one for each rule of time and month (`docustore.quality.times`):

    {_id: "totals", users: 7, rules: {"email_valid@3f…": {users: 7, violated: 1, skipped: 0, inapplicable: 0}},
     years: {...}, months: {...}}

`quality_values` counts the users of each value that must be unique: `{_id: {rule, value}, users: 2}`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Final

from docustore.quality.times import days_id, is_kept_by_month, slot_number, times_id
from docustore.quality.verdict import SHAPE, Verdict

COUNTS: Final = "quality_counts"
VALUES: Final = "quality_values"
TOTALS_ID: Final = "totals"
COUNTED: Final = ("violated", "skipped", "inapplicable")

Value = tuple[str, str]
# The rules of each list of a verdict, those of `COUNTED` first.
Results = tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class QualityCounts:
    """Figures, or a difference of figures; zeros may be there.

    `results` counts verdicts by the rules of each list; most users share a few combinations. `rules` is what comes
    on top, by `(rule id, figure)`; the figures are `users` and those of `COUNTED`. `slots` has the keys `(rule id,
    ISO date, number of the slot)`; `days` has `(rule id, ISO date)` for times that are only counted by day.
    `values` has `(rule id, digest of the value)`.
    """

    results: Counter[Results] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    slots: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: Counter[Value] = field(default_factory=Counter)

    def add(self, verdict: Verdict | None, sign: int) -> None:
        """Count a verdict in (1) or out (-1)."""
        if verdict is None:
            return
        self.results[results_of(verdict)] += sign
        is_by_slot = verdict.get("shape") == SHAPE
        for clock in verdict["clocks"]:
            rule_id, at = clock["rule"], clock["at"]
            if is_by_slot and is_kept_by_month(at):
                self.slots[rule_id, day_of(at), slot_number(at)] += sign
            else:
                self.days[rule_id, day_of(at)] += sign
        for key in verdict["keys"]:
            self.values[key["rule"], key["value"]] += sign

    def increments(self) -> dict[str, dict[str, int]]:
        """Write the difference as `$inc` operands, without zeros.

        By document of `quality_counts`.
        """
        documents: dict[str, Counter[str]] = defaultdict(Counter)
        totals = documents[TOTALS_ID]
        for results, number in self.results.items():
            totals["users"] += number
            for rule_id in chain.from_iterable(results):
                totals[f"rules.{rule_id}.users"] += number
            for figure, rule_ids in zip(COUNTED, results, strict=False):
                for rule_id in rule_ids:
                    totals[f"rules.{rule_id}.{figure}"] += number
        for (rule_id, figure), number in self.rules.items():
            totals[f"rules.{rule_id}.{figure}"] += number
        for (rule_id, day, slot), number in self.slots.items():
            year, month, of_month = day.split("-")
            totals[f"years.{rule_id}.{year}"] += number
            totals[f"months.{rule_id}.{year}.{month}"] += number
            own = documents[times_id(rule_id, f"{year}-{month}")]
            own[f"days.{of_month}"] += number
            own[f"slots.{of_month}.{slot:02}"] += number
        for (rule_id, day), number in self.days.items():
            year, month, of_month = day.split("-")
            totals[f"years.{rule_id}.{year}"] += number
            documents[days_id(rule_id, year)][f"days.{month}{of_month}"] += number
        return _without_zeros(documents)

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


def results_of(verdict: Verdict) -> Results:
    """Return the rules of each list of a verdict."""
    return (
        tuple(verdict["violated"]),
        tuple(verdict["skipped"]),
        tuple(verdict["inapplicable"]),
        tuple(verdict["passed"]),
        tuple([clock["rule"] for clock in verdict["clocks"]]),
        tuple([key["rule"] for key in verdict["keys"]]),
    )


def _without_zeros(documents: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    left = {
        document: {name: number for name, number in increments.items() if number}
        for document, increments in documents.items()
    }
    return {document: increments for document, increments in left.items() if increments}


def _sharing(users: int) -> int:
    """Return how many users violate a rule because `users` have one value."""
    return users if users > 1 else 0


def day_of(moment: datetime) -> str:
    """Return the UTC day of a naive time as ISO text."""
    return moment.date().isoformat()
