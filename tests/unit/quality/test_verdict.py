"""The verdict on one user: the results of rules of any author."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from docustore.quality.counts import QualityCounts
from docustore.quality.rules import Check, Dimension, Holds, NotOlderThan, Rule, Severity, UniqueBy
from docustore.quality.verdict import RuleSet, Verdict

KATHMANDU = timezone(timedelta(hours=5, minutes=45))


def verdict_by(check: Check) -> Verdict:
    """Judge a user by one rule."""
    rule = Rule(
        name="acme",
        title="",
        remedy="",
        dimension=Dimension.ACCURACY,
        severity=Severity.INFO,
        fields=("created_at",),
        check=check,
    )
    verdict = RuleSet((rule,)).verdict_of({})
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    "given",
    [
        datetime.fromisoformat("2026-01-01T02:30:00.123456+05:45"),
        datetime.fromisoformat("2025-12-31T20:45:00.123999+00:00"),
        datetime.fromisoformat("2025-12-31T20:45:00.123"),
    ],
)
def test_time_is_that_of_the_store(given: datetime) -> None:
    """The store keeps UTC and milliseconds: any other form would be counted out of another day than into."""
    verdict = verdict_by(NotOlderThan(clock=lambda _: given, days=1))

    counted = QualityCounts()
    counted.add(verdict, 1)
    assert [each["at"] for each in verdict["clocks"]] == [datetime.fromisoformat("2025-12-31T20:45:00.123")]
    assert [slot for _, *slot in counted.slots] == [["2025-12-31", 83]]


def _returning(value: Any) -> list[Check]:
    return [
        Holds(test=lambda _: value),
        NotOlderThan(clock=lambda _: value, days=1),
        UniqueBy(value=lambda _: value),
    ]


@pytest.mark.parametrize(
    "check",
    [
        *_returning(1),
        *_returning("text")[:2],
        *_returning(True)[1:],
        *_returning(False)[1:],
        *(check for check in _returning(datetime.now(UTC)) if not isinstance(check, NotOlderThan)),
        # Its time in UTC is before the year 1.
        NotOlderThan(clock=lambda _: datetime.min.replace(tzinfo=KATHMANDU), days=1),
    ],
)
def test_result_of_another_kind_is_not_evaluated(check: Check) -> None:
    verdict = verdict_by(check)

    assert [each.partition("@")[0] for each in verdict["skipped"]] == ["acme"]
    assert not any([verdict["passed"], verdict["violated"], verdict["clocks"], verdict["keys"]])
