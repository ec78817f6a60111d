"""The progress of a run: phase, amount, rate, remaining time. Pure.

The clock is an argument. Rate and remaining time are of the last half minute: the speed of a source changes, and a
resumed run starts in the middle.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, cast

from docustore.etl.models import Checkpoint
from docustore.etl.run_progress import RunPhase, RunProgress
from docustore.etl.sources.source import Extent, Page

WINDOW_S: Final = 30.0
SAMPLES: Final = 64


class Meter:
    """Watches one attempt at a run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._phase = RunPhase.OPENING
        self._extent: Extent | None = None
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def enter(self, phase: RunPhase) -> None:
        """Begin a phase."""
        self._phase = phase

    async def watched(self, pages: AsyncIterator[Page]) -> AsyncGenerator[Page, None]:
        """Pass pages on, and note how far each one is."""
        self.enter(RunPhase.READING)
        # Closed at once: what a source has open must not wait for the collector.
        async with aclosing(cast("AsyncGenerator[Page, None]", pages)) as reading:
            async for page in reading:
                if page.extent is not None:
                    self._extent = page.extent
                yield page
        self.enter(RunPhase.STORING)

    def progress(self, *, records: int) -> RunProgress:
        """Measure the progress now.

        Args:
            records: The records stored so far: the measure of sources that say nothing about their extent.
        """
        extent = self._extent or Extent(done=records, total=None, unit="records")
        rate = self._rate(extent.done)
        left = None if extent.total is None else max(0, extent.total - extent.done)
        return RunProgress(
            phase=self._phase,
            done=extent.done,
            total=extent.total,
            unit=extent.unit,
            per_s=rate,
            eta_s=left / rate if left is not None and rate else None,
        )

    def stamped(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return the checkpoint with the progress now."""
        return checkpoint.model_copy(update={"progress": self.progress(records=checkpoint.counts.read)})

    def _rate(self, done: int) -> float | None:
        now = self._clock()
        self._samples.append((now, done))
        while len(self._samples) > 1 and now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        since, before = self._samples[0]
        return max(0.0, (done - before) / (now - since)) if now > since else None
