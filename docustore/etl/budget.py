"""Check a run's counts before the run may succeed."""

from typing import Final

from docustore.errors import QuarantineBudgetExceededError, RunError
from docustore.etl.models import Counts, Window

# A quiet hour may bring one record, and a bad one. A budget in percent is meaningless for so few records.
MIN_QUARANTINED_FOR_BUDGET: Final = 10


def check_counts(counts: Counts, window: Window, *, budget_pct: float) -> None:
    """Check that every record has an outcome and that few were quarantined.

    Raises:
        RunError: The outcomes do not sum to the records read.
        QuarantineBudgetExceededError: More than the budget was quarantined, and either more than ten records, or
            all records of a run whose window has no lower bound.
    """
    if not counts.is_balanced:
        raise RunError(
            "the counts do not add up to the records read; the watermark did not move: report this as a bug"
        )
    is_over = counts.quarantined * 100 > budget_pct * counts.read
    is_everything = window.since is None and counts.quarantined == counts.read
    if is_over and (counts.quarantined > MIN_QUARANTINED_FOR_BUDGET or is_everything):
        raise QuarantineBudgetExceededError(
            quarantined=counts.quarantined, read=counts.read, budget_pct=budget_pct
        )
