"""The result of a rule for one user, from a stored verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.quality.rules import Check, Dimension, Holds, NotOlderThan, Rule, Severity, UniqueBy
from docustore.quality.user_results import UserResult, result_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAIVE = NOW.replace(tzinfo=None)
ID = "rule@1"


def rule(check: Check) -> Rule:
    return Rule(
        name="rule",
        title="",
        remedy="",
        dimension=Dimension.VALIDITY,
        severity=Severity.INFO,
        fields=(),
        check=check,
    )


HOLDS = rule(Holds(test=lambda _: True))
DATED = rule(NotOlderThan(clock=lambda _: None, days=10))
UNIQUE = rule(UniqueBy(value=lambda _: None))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("violated", UserResult.VIOLATED),
        ("skipped", UserResult.NOT_EVALUATED),
        ("passed", UserResult.PASSED),
        ("inapplicable", UserResult.NOT_APPLICABLE),
    ],
)
def test_verdict_names_the_rule_in_one_place(place: str, expected: UserResult) -> None:
    assert result_of(HOLDS, ID, {place: [ID]}, shared=frozenset(), now=NOW) is expected


@pytest.mark.parametrize("verdict", [{}, {"passed": ["rule@0"], "keys": [], "clocks": []}])
def test_other_version_is_not_passed(verdict: dict[str, Any]) -> None:
    """A rule that this version has not judged never counts as passed."""
    assert result_of(HOLDS, ID, verdict, shared=frozenset(), now=NOW) is UserResult.UNKNOWN


@pytest.mark.parametrize(
    ("age", "expected"),
    [(timedelta(days=10), UserResult.PASSED), (timedelta(days=10, milliseconds=1), UserResult.VIOLATED)],
)
@pytest.mark.parametrize("at", [NAIVE, NOW], ids=["naive", "aware"])
def test_rule_of_time_counts_to_the_present(at: datetime, age: timedelta, expected: UserResult) -> None:
    verdict = {"clocks": [{"rule": "other@1", "at": at}, {"rule": ID, "at": at - age}]}

    assert result_of(DATED, ID, verdict, shared=frozenset(), now=NOW) is expected


def test_shared_value_violates() -> None:
    verdict = {"keys": [{"rule": ID, "value": "v"}]}

    assert result_of(UNIQUE, ID, verdict, shared=frozenset({ID}), now=NOW) is UserResult.VIOLATED
    assert result_of(UNIQUE, ID, verdict, shared=frozenset({"other@1"}), now=NOW) is UserResult.PASSED
