"""The contract of every kind of source, as tests that each kind inherits."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from docustore.errors import DocustoreError, SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.registry import SOURCES, open_source
from docustore.etl.sources.source import Page
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import user

PAGE_SIZE = 3
START = datetime(2026, 1, 1, tzinfo=UTC)
RECORDS = [user(number, modified_at=(START + timedelta(days=number)).isoformat()) for number in range(8)]
EVERYTHING = Window()
# From the third record to before the sixth.
SOME_DAYS = Window(since=START + timedelta(days=2), until=START + timedelta(days=5))

Served = AbstractAsyncContextManager[SourceSettings]


async def read(settings: SourceSettings, window: Window = EVERYTHING, *, after: str | None = None) -> list[Page]:
    """Read a source as a run does: its clock, then its pages."""
    async with open_source("crm", settings, page_size=PAGE_SIZE) as source:
        await source.clock()
        return [page async for page in source.pages(window, after=after)]


def ids(pages: Sequence[Page]) -> list[int]:
    return [json.loads(raw)["id"] for page in pages for raw in page.records]


class SourceContract:
    """Subclassed once for each kind; a subclass serves records as its kind does."""

    kind: ClassVar[SourceKind]
    # The error of a source that is not there: a RetryableError if the system may come back without a person.
    absence: ClassVar[type[DocustoreError]]
    # The error of a source that gives something else than records, and what it says.
    bad_content: ClassVar[tuple[type[DocustoreError], str]] = (SourceContentError, "HTML")

    def serve(self, records: Sequence[dict[str, Any]]) -> Served:
        """Serve records in pages of `PAGE_SIZE`."""
        raise NotImplementedError

    def serve_bad_content(self) -> Served:
        """Serve an HTML page, or what else the kind may meet instead of records."""
        raise NotImplementedError

    def serve_nothing(self) -> Served:
        """Give settings of a source that is not there."""
        raise NotImplementedError

    async def test_delivers_every_record_once(self) -> None:
        async with self.serve(RECORDS) as settings:
            pages = await read(settings)

        assert ids(pages) == list(range(8))
        assert [page.first for page in pages if page.records] == [1, 4, 7]

    async def test_window_is_respected_or_declared_ignored(self) -> None:
        async with self.serve(RECORDS) as settings:
            pages = await read(settings, SOME_DAYS)

        assert ids(pages) == ([2, 3, 4] if SOURCES[self.kind].reads_window else list(range(8)))

    async def test_resume_at_any_mark_gives_exactly_the_rest(self) -> None:
        async with self.serve(RECORDS) as settings:
            pages = await read(settings)
            rests = [await read(settings, after=page.resume) for page in pages]

        for finished, rest in enumerate(rests, start=1):
            assert ids(rest) == ids(pages[finished:])
            assert [page.first for page in rest] == [page.first for page in pages[finished:]]

    async def test_empty_source_ends_without_records(self) -> None:
        async with self.serve([]) as settings:
            assert ids(await read(settings)) == []

    async def test_clock_is_utc(self) -> None:
        async with (
            self.serve(RECORDS) as settings,
            open_source("crm", settings, page_size=PAGE_SIZE) as source,
        ):
            assert (await source.clock()).utcoffset() == timedelta(0)

    async def test_bad_content_is_an_error(self) -> None:
        error, message = self.bad_content
        async with self.serve_bad_content() as settings:
            with pytest.raises(error, match=message):
                await read(settings)

    async def test_absent_source_raises_its_error(self) -> None:
        async with self.serve_nothing() as settings:
            with pytest.raises(self.absence):
                await read(settings)
