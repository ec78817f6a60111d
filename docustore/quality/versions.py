"""Which version of a rule a report shows while a new one is being judged. Pure.

The counters of the old version are complete until the listener begins to judge by the new one. Then they shrink,
user by user, so the listener keeps a copy of all complete counters in the transaction of its first write:

    {_id: "kept", configuration: "3f…", rules: {email_valid: {id: "email_valid@9c…", at, users, violated, ...}}}

The copy is shown until the new version has judged every user. A rule of time is marked by `is_clock`, and has the
violations of the time of the copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from docustore.quality.counts import COUNTED
from docustore.quality.times import Times, days_id, times_id

KEPT_ID: Final = "kept"
# Of the counters; before shape 2 the totals had no `years`.
SHAPE: Final = 2


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The stored counters: totals, those of rules of time, and the kept copy.

    `documents` are those of some months and years of rules of time, by `_id`.
    """

    totals: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def users(self) -> int:
        """Return the number of users that were judged."""
        return int(self.totals.get("users", 0))

    @cached_property
    def rules(self) -> Mapping[str, Mapping[str, int]]:
        """Return the counters of each version of each rule, by id."""
        found: Mapping[str, Mapping[str, int]] = self.totals.get("rules", {})
        return found

    def is_complete(self, rule_id: str) -> bool:
        """Tell whether every user was judged by this version."""
        return self.rules.get(rule_id, {}).get("users", 0) == self.users

    @property
    def years(self) -> Mapping[str, Mapping[str, int]]:
        """Return the users of each rule of time by year, by id."""
        found: Mapping[str, Mapping[str, int]] = self.totals.get("years", {})
        return found

    def has_clock(self, rule_id: str) -> bool:
        """Tell whether the version is a rule of time: its violations depend on the days."""
        return rule_id in self.years

    def times(self, rule_id: str, cutoff: datetime) -> Times:
        """Return the counters of a rule of time around a cut-off."""
        year = f"{cutoff.year:04}"
        months = self.totals.get("months", {}).get(rule_id, {}).get(year, {})
        return Times(
            years=self.years.get(rule_id, {}),
            months=months,
            month=self.documents.get(times_id(rule_id, f"{year}-{cutoff.month:02}"), {}),
            older=self.documents.get(days_id(rule_id, year), {}).get("days", {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The version whose figures are shown.

    `is_complete` is false if no version has judged every user. `kept_at` is the time of a copy; None for counters
    that still move.
    """

    rule_id: str
    figures: Mapping[str, int]
    is_complete: bool
    kept_at: datetime | None = None


def shown_version(name: str, rule_id: str, counted: Counted, *, is_clock: bool) -> Shown:
    """Choose the version of a rule.

    The declared one, if it is complete; else the one that was complete last.

    Args:
        rule_id: The declared version.
        is_clock: It is a rule of time.
    """
    own = counted.rules.get(rule_id, {})
    if counted.is_complete(rule_id):
        return Shown(rule_id=rule_id, figures=own, is_complete=True)
    for other in _versions_of(name, counted.rules):
        # The limits of the declared rule apply only to a rule of the same kind.
        if counted.is_complete(other) and counted.has_clock(other) is is_clock:
            return Shown(rule_id=other, figures=counted.rules[other], is_complete=True)
    kept = counted.kept.get("rules", {}).get(name)
    if kept is not None and kept.get("is_clock", False) is is_clock:
        return Shown(rule_id=kept["id"], figures=kept, is_complete=True, kept_at=kept["at"])
    return Shown(rule_id=rule_id, figures=own, is_complete=False)


def kept_copy(
    counted: Counted, *, configuration: str, at: datetime, too_old: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Copy the counters of every version that is complete, over older copies.

    Args:
        too_old: The violations of the complete versions of rules of time at this time, by id. Without its number
            such a version is left out.
    """
    found = too_old or {}
    complete = {}
    for rule_id in complete_versions(counted):
        figures, is_clock = counted.rules[rule_id], counted.has_clock(rule_id)
        if is_clock and rule_id not in found:
            continue
        copy = {"id": rule_id, "at": at, "users": figures["users"]}
        copy |= {name: figures.get(name, 0) for name in COUNTED}
        if is_clock:
            copy |= {"violated": found[rule_id], "is_clock": True}
        complete[rule_id.partition("@")[0]] = copy
    return {
        "_id": KEPT_ID,
        "configuration": configuration,
        "shape": SHAPE,
        "rules": {**counted.kept.get("rules", {}), **complete},
    }


def complete_versions(counted: Counted) -> list[str]:
    """List the versions that have judged every user."""
    return [
        rule_id
        for rule_id, figures in counted.rules.items()
        if figures.get("users") and counted.is_complete(rule_id)
    ]


def _versions_of(name: str, rules: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [
        rule_id for rule_id, figures in rules.items() if rule_id.startswith(f"{name}@") and figures.get("users")
    ]
