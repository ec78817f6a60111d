"""What a run's counts must be before the run may succeed."""

from datetime import UTC, datetime

import pytest

from docustore.errors import QuarantineBudgetExceededError, RunError
from docustore.etl.budget import check_counts
from docustore.etl.models import Counts, Window

EVERYTHING = Window()
HOUR = Window(since=datetime(2026, 11, 1, tzinfo=UTC))


def counts(*, read: int, quarantined: int) -> Counts:
    return Counts(read=read, inserted=read - quarantined, quarantined=quarantined)


@pytest.mark.parametrize(
    ("read", "quarantined", "window"),
    [
        (0, 0, EVERYTHING),
        (100, 5, HOUR),
        (220, 11, HOUR),  # 5 % exactly
        (11, 10, HOUR),  # over the budget, but only ten
        (10, 10, HOUR),  # a bad hour
        (11, 10, EVERYTHING),
    ],
)
def test_counts_within_the_budget_pass(read: int, quarantined: int, window: Window) -> None:
    check_counts(counts(read=read, quarantined=quarantined), window, budget_pct=5.0)


@pytest.mark.parametrize(
    ("read", "quarantined", "window"),
    [
        (219, 11, HOUR),
        (11, 11, HOUR),
        (1, 1, EVERYTHING),
        (10, 10, EVERYTHING),
    ],
)
def test_counts_over_the_budget_fail(read: int, quarantined: int, window: Window) -> None:
    with pytest.raises(QuarantineBudgetExceededError, match=f"{quarantined} of {read} records"):
        check_counts(counts(read=read, quarantined=quarantined), window, budget_pct=5.0)


@pytest.mark.parametrize("outcome", ["inserted", "updated", "unchanged", "stale", "quarantined", "deactivated"])
def test_every_outcome_is_in_the_balance(outcome: str) -> None:
    check_counts(Counts(**{"read": 1, outcome: 1}), HOUR, budget_pct=100.0)
    with pytest.raises(RunError, match="do not add up"):
        check_counts(Counts(**{outcome: 1}), HOUR, budget_pct=100.0)
