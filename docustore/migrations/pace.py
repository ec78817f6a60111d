"""The pace of a migration: at most so many documents per second. Pure."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Pace:
    """Counts documents since a start; `max_per_s` None is unlimited."""

    max_per_s: float | None
    started_at: float
    documents: int = 0

    def limit(self, batch_size: int) -> int:
        """Bound a batch to the documents of one second, so that the load is even."""
        return batch_size if self.max_per_s is None else max(1, min(batch_size, int(self.max_per_s)))

    def pause_s(self, *, now: float) -> float:
        """Return the seconds to wait before the next batch."""
        if self.max_per_s is None:
            return 0.0
        return max(0.0, self.started_at + self.documents / self.max_per_s - now)
