"""How far a run has got: pages finish in any order, the checkpoint moves in theirs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from docustore.etl.classify import Outcome
from docustore.etl.models import Checkpoint, Counts

ProgressListener = Callable[[Counts], None]


@dataclass(slots=True, kw_only=True)
class PageResult:
    """What became of one page's records; the outcomes sum to `read`."""

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


def advanced(checkpoint: Checkpoint, resume: str, result: PageResult) -> Checkpoint:
    """Return the checkpoint behind one more page, given with its resume mark."""
    counts = checkpoint.counts.model_dump()
    counts["read"] += result.read
    counts["warnings"] += result.warnings.total()
    for outcome, records in result.outcomes.items():
        counts[outcome.value] += records
    quality = Counter(checkpoint.quality)
    quality.update(result.reasons)
    quality.update(result.warnings)
    return Checkpoint(position=resume, counts=Counts(**counts), quality=dict(quality))
