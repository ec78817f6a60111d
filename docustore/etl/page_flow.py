"""Load a source's pages, several at a time, and move the checkpoint over finished ones in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Final

import stamina
from pymongo.errors import PyMongoError

from docustore.clock import now_utc
from docustore.errors import DatabaseUnavailableError, DocustoreError, RunError
from docustore.etl.load import LoadContext
from docustore.etl.models import Checkpoint
from docustore.etl.page_load import PageContext, load_page
from docustore.etl.progress import PageResult, ProgressListener, advanced
from docustore.etl.sources.page import Page
from docustore.transient import is_transient, server_codes

# About a minute of elections and restarts before a run is put off.
DATABASE_ATTEMPTS: Final = 12


class PageFlow:
    """The pages of one attempt at a run; `checkpoint` is always behind the last page finished in order."""

    def __init__(
        self,
        context: PageContext,
        *,
        checkpoint: Checkpoint,
        started_at: datetime | None,
        is_resumed: bool,
        on_progress: ProgressListener | None,
    ) -> None:
        self.checkpoint = checkpoint
        self._context = context
        self._started_at = started_at
        self._is_resumed = is_resumed
        self._on_progress = on_progress

    async def load_all(self, pages: AsyncIterator[Page], *, in_flight: int) -> None:
        """Load every page, at most `in_flight` at a time.

        Raises:
            DatabaseUnavailableError: MongoDB did not take a page for about a minute.
            RunError: MongoDB refused a page for a reason that does not pass.
            DocustoreError: What the source raises, after all pages it had delivered are loaded.
        """
        loading: deque[tuple[str, asyncio.Task[PageResult]]] = deque()
        try:
            async for page in pages:
                while len(loading) >= in_flight:
                    await self._fold(loading)
                loading.append((page.resume, asyncio.create_task(self._load(page))))
            await self._fold_all(loading)
        except DocustoreError:
            # The source failed; what it had delivered is good, and need not be read again.
            await self._fold_all(loading)
            raise
        finally:
            for _, task in loading:
                task.cancel()
            await asyncio.gather(*(task for _, task in loading), return_exceptions=True)

    async def _fold_all(self, loading: deque[tuple[str, asyncio.Task[PageResult]]]) -> None:
        while loading:
            await self._fold(loading)

    async def _fold(self, loading: deque[tuple[str, asyncio.Task[PageResult]]]) -> None:
        """Wait for the oldest page; the checkpoint never moves past one that is not finished."""
        resume, task = loading[0]
        result = await task
        loading.popleft()
        self.checkpoint = advanced(self.checkpoint, resume, result)
        if self._on_progress is not None:
            self._on_progress(self.checkpoint.counts)

    async def _load(self, page: Page) -> PageResult:
        context = LoadContext(
            source=self._context.rules.source,
            now=now_utc(),
            dry_run=self._context.options.dry_run,
            resumed_since=self._started_at if self._is_resumed else None,
        )
        try:
            async for attempt in stamina.retry_context(
                on=is_transient, attempts=DATABASE_ATTEMPTS, timeout=None, wait_initial=0.1, wait_max=10.0
            ):
                with attempt:
                    if attempt.num > 1:
                        context = replace(context, resumed_since=self._started_at)
                    return await load_page(page, self._context, context)
        except PyMongoError as exc:
            if is_transient(exc):
                raise DatabaseUnavailableError(f"MongoDB did not take a page: {type(exc).__name__}") from exc
            raise RunError(
                f"MongoDB refused a page ({_reason(exc)}): look at the server's log, then run again"
            ) from exc
        raise AssertionError("unreachable: the loop returns or raises")


def _reason(error: PyMongoError) -> str:
    """Name an error without its text, in which the driver quotes every document of the batch."""
    codes = ", ".join(map(str, sorted(server_codes(error))))
    return f"server code {codes}" if codes else type(error).__name__
