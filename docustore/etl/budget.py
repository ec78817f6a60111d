"""Check a run's counts before the run may succeed."""

from collections.abc import Iterable
from typing import Final

from docustore.errors import ContractBrokenError, QuarantineBudgetExceededError, RunError
from docustore.etl.models import Checkpoint, Counts

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


def check_required(
    checkpoint: Checkpoint, required: Iterable[str], *, is_full_read: bool, max_missing_pct: float | None
) -> None:
    """Check that few records lack a required field.

    Args:
        is_full_read: The run read everything that the source has, such as a whole file.
        max_missing_pct: None checks nothing.

    Raises:
        ContractBrokenError: A field is missing too often. For a reading of changes, this also needs more than ten
            records without it.
    """
    if max_missing_pct is None:
        return
    read = checkpoint.counts.read
    for field in required:
        missing = checkpoint.quality.get(f"/{field.replace('.', '/')} missing", 0)
        is_over = missing * 100 > max_missing_pct * read
        if is_over and (is_full_read or missing > MIN_QUARANTINED_FOR_BUDGET):
            raise ContractBrokenError(field=field, missing=missing, read=read, max_missing_pct=max_missing_pct)
