"""What a run's counts must be before it may succeed."""

from typing import Final

from docustore.errors import QuarantineBudgetExceededError, RunError
from docustore.etl.models import Counts, Window

# A quiet hour may bring one record, and that one bad; a budget in percent needs a few to speak of.
MIN_QUARANTINED_FOR_BUDGET: Final = 10


def check_counts(counts: Counts, window: Window, *, budget_pct: float) -> None:
    """Let a run pass whose records are all accounted for, and good enough.

    Raises:
        RunError: The outcomes do not sum to the records read.
        QuarantineBudgetExceededError: More than the budget was quarantined, and more than ten records or
            everything that a source without a window holds.
    """
    if not counts.is_balanced:
        raise RunError("the counts do not add up to the records read: nothing was committed, please report this")
    is_over = counts.quarantined * 100 > budget_pct * counts.read
    is_everything = window.since is None and counts.quarantined == counts.read
    if is_over and (counts.quarantined > MIN_QUARANTINED_FOR_BUDGET or is_everything):
        raise QuarantineBudgetExceededError(
            quarantined=counts.quarantined, read=counts.read, budget_pct=budget_pct
        )
