"""The runs that this worker works on, beside arq's jobs.

A job of arq only starts a run. The lease in the ledger says who works on it and for how long.
"""

import asyncio
from typing import Final

import structlog

from docustore.errors import DocustoreError, LeaseLostError
from docustore.etl.run import RunEnvironment, execute_run
from docustore.source_settings import SourceSettings

log: Final = structlog.get_logger()


class ActiveRuns:
    """At most `limit` runs at a time, each in a task of its own."""

    def __init__(self, environment: RunEnvironment, *, limit: int) -> None:
        self._environment = environment
        self._limit = limit
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, run_id: str, source: SourceSettings) -> bool:
        """Start to work on a run; False if it is started or the limit is reached."""
        if run_id in self._tasks or len(self._tasks) >= self._limit:
            return False
        task = asyncio.create_task(self._work(run_id, source))
        self._tasks[run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run_id))
        return True

    async def stop(self) -> None:
        """Cancel all runs and wait until each is given back to the ledger."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, run_id: str, source: SourceSettings) -> None:
        try:
            await execute_run(run_id, source, self._environment)
        except DocustoreError as exc:
            # Another worker has the run, its source is busy, or it was cancelled.
            level = log.warning if isinstance(exc, LeaseLostError) else log.info
            level("etl.run_not_taken", run_id=run_id, reason=str(exc))
        except (
            Exception
        ):  # the task's last frame: the ledger has the result, and the next tick finds a run that is due
            log.exception("etl.run_task_failed", run_id=run_id)
