"""The status of a rule from its figures."""

import pytest

from docustore.quality.builtin import BUILTIN
from docustore.quality.report import RuleStatus, status_of
from docustore.quality.rules import Limit, Rule


def rule(*, warn: Limit, fail: Limit) -> Rule:
    first = BUILTIN[0]
    return Rule(
        name="r", title="", remedy="", dimension=first.dimension, severity=first.severity, fields=(),
        check=first.check, warn=warn, fail=fail,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("violated", "applicable", "skipped", "status"),
    [
        (0, 0, 0, RuleStatus.PASSED),
        (0, 100, 0, RuleStatus.PASSED),
        (0, 100, 1, RuleStatus.INCOMPLETE),
        (1, 100, 0, RuleStatus.WARNING),
        (1, 100, 1, RuleStatus.WARNING),
        (10, 100, 0, RuleStatus.WARNING),
        (11, 100, 0, RuleStatus.FAILED),
    ],
)
def test_limits(violated: int, applicable: int, skipped: int, status: RuleStatus) -> None:
    limited = rule(warn=Limit(count=0), fail=Limit(percent=10))

    assert status_of(limited, violated=violated, applicable=applicable, skipped=skipped, is_known=True) is status


def test_rule_that_is_not_evaluated_never_passes() -> None:
    limited = rule(warn=Limit(count=0), fail=Limit(count=5))

    assert status_of(limited, violated=0, applicable=0, skipped=0, is_known=False) is RuleStatus.UNKNOWN
