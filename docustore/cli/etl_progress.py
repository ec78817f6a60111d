"""The progress of a run on a terminal."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from docustore.cli.etl_tables import counts_line
from docustore.cli.output import notices
from docustore.etl import ledger
from docustore.etl.models import Counts, EtlRun
from docustore.etl.run_progress import RunProgress

POLL_S: Final = 1.0


class RunBar:
    """One line: the source, what was counted, a bar where the total is known."""

    def __init__(self, bar: Progress, source: str) -> None:
        self._bar = bar
        self._source = source
        self._counted = ""
        self._step = ""
        self._task = bar.add_task(f"{source}: opening", total=None)

    def count(self, counts: Counts) -> None:
        """Show the outcomes so far."""
        self._counted = counts_line(counts)
        self._show()

    def step(self, progress: RunProgress) -> None:
        """Show phase, rate and remaining time."""
        self._step = step_line(progress)
        self._bar.update(self._task, completed=progress.done, total=progress.total)
        self._show()

    def _show(self) -> None:
        parts = (part for part in (self._step, self._counted) if part)
        self._bar.update(self._task, description=f"{self._source}: {'; '.join(parts)}")


def step_line(progress: RunProgress) -> str:
    """Describe phase, rate and remaining time in one line."""
    parts = [progress.phase.value]
    if progress.per_s and progress.unit == "records":
        parts.append(f"{progress.per_s:,.0f}/s")
    if progress.eta_s is not None and progress.eta_s >= 1:
        parts.append(f"{progress.eta_s:,.0f} s left")
    return ", ".join(parts)


@contextmanager
def run_bar(source: str, *, is_shown: bool) -> Iterator[RunBar]:
    """Show a bar on stderr for the length of a block."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=notices(), transient=True, disable=not is_shown) as bar:
        yield RunBar(bar, source)


async def follow_run(run_id: str, *, is_shown: bool, poll_s: float = POLL_S) -> EtlRun:
    """Show the progress of a run that another process works on, until it is finished."""
    run = await ledger.get_run(run_id)
    with run_bar(run.source, is_shown=is_shown) as bar:
        while run.state.is_open:
            _update(bar.count, bar.step, run)
            await asyncio.sleep(poll_s)
            run = await ledger.get_run(run_id)
    return run


def _update(count: Callable[[Counts], None], step: Callable[[RunProgress], None], run: EtlRun) -> None:
    count(run.checkpoint.counts)
    if run.checkpoint.progress is not None:
        step(run.checkpoint.progress)
