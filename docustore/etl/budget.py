"""Check a run's counts before the run may succeed."""

from typing import Final

from docustore.errors import QuarantineBudgetExceededError, RunError
from docustore.etl.models import Counts

# A quiet hour may bring one record, and a bad one. A budget in percent is meaningless for so few records.
MIN_QUARANTINED_FOR_BUDGET: Final = 10


def check_counts(counts: Counts, *, is_full_read: bool, budget_pct: float) -> None:
    """Check that every record has an outcome and that few were quarantined.

    Args:
        is_full_read: The run read everything that the source has, such as a whole file.

    Raises:
        RunError: The outcomes do not sum to the records read.
        QuarantineBudgetExceededError: More than the budget was quarantined. For a reading of changes, this also
            needs more than ten quarantined records.
    """
    if not counts.is_balanced:
        raise RunError(
            "the counts do not add up to the records read; the watermark did not move: report this as a bug"
        )
    is_over = counts.quarantined * 100 > budget_pct * counts.read
    if is_over and (is_full_read or counts.quarantined > MIN_QUARANTINED_FOR_BUDGET):
        raise QuarantineBudgetExceededError(
            quarantined=counts.quarantined, read=counts.read, budget_pct=budget_pct
        )
