"""The counts of a run, at the bounds of the quarantine budget."""

import pytest

from docustore.errors import QuarantineBudgetExceededError, RunError
from docustore.etl.budget import check_counts
from docustore.etl.models import Counts

FULL = True
HOURLY = False


def counts(*, read: int, quarantined: int) -> Counts:
    return Counts(read=read, inserted=read - quarantined, quarantined=quarantined)


@pytest.mark.parametrize(
    ("read", "quarantined", "budget_pct", "is_full_read"),
    [
        (0, 0, 0.0, FULL),
        (11, 10, 5.0, HOURLY),
        (1000, 10, 0.0, HOURLY),
        (220, 11, 5.0, HOURLY),
        (5000, 11, 5.0, HOURLY),
        (88, 11, 12.5, HOURLY),
        (1, 1, 5.0, HOURLY),
        (10, 10, 5.0, HOURLY),
        (10, 5, 50.0, FULL),
        (1, 1, 100.0, FULL),
        (50, 50, 100.0, HOURLY),
    ],
)
def test_run_within_its_budget_may_succeed(
    read: int, quarantined: int, budget_pct: float, *, is_full_read: bool
) -> None:
    """Exactly the percentage, exactly ten records and a quiet hour's bad record are within the budget."""
    check_counts(counts(read=read, quarantined=quarantined), is_full_read=is_full_read, budget_pct=budget_pct)


@pytest.mark.parametrize(
    ("read", "quarantined", "budget_pct", "is_full_read"),
    [
        (219, 11, 5.0, HOURLY),
        (11, 11, 5.0, HOURLY),
        (1000, 11, 1.0, HOURLY),
        (87, 11, 12.5, FULL),
        (1, 1, 5.0, FULL),
        (8, 8, 50.0, FULL),
        (10, 6, 50.0, FULL),
        (10, 10, 99.9, FULL),
    ],
)
def test_run_over_its_budget_fails(read: int, quarantined: int, budget_pct: float, *, is_full_read: bool) -> None:
    with pytest.raises(QuarantineBudgetExceededError) as caught:
        check_counts(counts(read=read, quarantined=quarantined), is_full_read=is_full_read, budget_pct=budget_pct)

    assert (caught.value.quarantined, caught.value.read) == (quarantined, read)


@pytest.mark.parametrize("read", [1, 3])
def test_unbalanced_counts_fail_the_run(read: int) -> None:
    with pytest.raises(RunError):
        check_counts(Counts(read=read, updated=2), is_full_read=HOURLY, budget_pct=100.0)


@pytest.mark.parametrize("outcome", ["inserted", "updated", "unchanged", "stale", "quarantined", "deactivated"])
def test_every_outcome_is_in_the_balance(outcome: str) -> None:
    check_counts(Counts(**{"read": 1, outcome: 1}), is_full_read=HOURLY, budget_pct=100.0)
    with pytest.raises(RunError, match="do not add up"):
        check_counts(Counts(**{outcome: 1}), is_full_read=HOURLY, budget_pct=100.0)
