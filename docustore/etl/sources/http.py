"""Records from a paged HTTP service.

Protocol by default: `GET url?modified_since=T&until=T&limit=N&cursor=C` answers `{"users": [...], "next_cursor":
C|null, "server_time": T, "total": N}`, ordered by (modified_at, id); time and total may be missing. All names and
the way of paging can be configured. A page of another shape is an error: no run succeeds on an error page.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self

import httpx2

from docustore.clock import as_utc
from docustore.errors import SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import host_name, place_without_secrets
from docustore.etl.sources.http_client import NOT_MODIFIED, Answer, Question, ServiceClient, service_client
from docustore.etl.sources.http_page import PageNames, WirePage, parse_page
from docustore.etl.sources.http_questions import PageQuestions
from docustore.etl.sources.http_times import http_date
from docustore.etl.sources.page_errors import PageMalformedError
from docustore.etl.sources.page_sequence import PageSequence
from docustore.etl.sources.source import Extent, Page, Source
from docustore.source_settings import SourceSettings

# The mark after the last page: the run has read everything and only its commit is missing.
FINISHED: Final = "!"
# RFC 9110, 13.1: what the service said of its answer, and how the next request asks for a newer one.
_CONDITIONS: Final = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}

_Read = tuple[WirePage, Answer]


class HttpSource(Source):
    """The service behind one URL."""

    schemes: ClassVar[frozenset[str]] = frozenset({"http", "https"})
    reads_window = True

    def __init__(self, name: str, settings: SourceSettings, client: ServiceClient) -> None:
        self._name = name
        self._settings = settings
        self._client = client
        self._questions = PageQuestions(settings)
        names = settings.records_key, settings.cursor_key, settings.time_key, settings.total_key
        self._names = PageNames(*names)
        self._recalled: Mapping[str, Any] = {}
        self._remembered: dict[str, Any] | None = None
        # Of a service that cannot be asked for changes: its first page also tells its time.
        self._first: _Read | None = None
        self.reads_window = self._questions.asks_for_window

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Open one connection pool to the service; `settings.page_size` counts here."""
        del page_size
        async with service_client(name, settings) as client:
            yield cls(name, settings, client)

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a service after its host and port: `crm-example-org-8443`."""
        return host_name(address)

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return scheme, host and path; a query or a user name may contain secrets."""
        return place_without_secrets(address)

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take the validators of the last answer, for conditional requests."""
        self._recalled = memory

    def to_remember(self) -> dict[str, Any] | None:
        """Return the validators of a dataset that came in one answer."""
        return self._remembered

    async def clock(self) -> datetime:
        """Ask for one record and return the time that the answer states."""
        if self._questions.asks_for_window:
            page, answer = await self._read(Window(), "", limit=1)
        else:
            page, answer = self._first = await self._read(Window(), "", limit=self._settings.page_size)
        if page.server_time is not None:
            return as_utc(page.server_time)
        return http_date(answer.headers.get("date", "")) or datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Follow the pages to the last one, from the first one or from a mark."""
        done, _, token = (after or "0@").partition("@")
        if token == FINISHED:
            return
        first = int(done) + 1
        sequence = PageSequence(token)
        while True:
            page, answer = await self._take(window, token)
            last = first + len(page.users) - 1
            link = answer.next_link if answer.status != NOT_MODIFIED else None
            following = self._questions.next_token(page, token, link=link, delivered=last)
            try:
                sequence.add(WirePage(page.users, following, None, page.total), delivered=last)
            except PageMalformedError as exc:
                raise self._bad(str(exc)) from exc
            if first == 1 and not following:
                self._remember(answer)
            extent = None if page.total is None else Extent(done=last, total=page.total, unit="records")
            resume = f"{last}@{following or FINISHED}"
            yield Page(records=page.users, first=first, resume=resume, extent=extent)
            if not following:
                return
            token, first = following, last + 1

    async def _take(self, window: Window, token: str) -> _Read:
        if not token and self._first is not None:
            taken, self._first = self._first, None
            return taken
        return await self._read(window, token, limit=self._settings.page_size)

    async def _read(self, window: Window, token: str, *, limit: int) -> _Read:
        # Merged: `params` would replace the query of the configured URL, such as a tenant's name.
        url = self._url(token).copy_merge_params(self._questions.query(window, token, limit=limit))
        question = Question(
            url=url,
            method=self._settings.method,
            json=self._questions.json_body(window, token, limit=limit),
            headers={} if token or self._questions.asks_for_window else self._conditions(),
        )
        return await self._client.ask(question, self._parsed)

    def _url(self, token: str) -> httpx2.URL:
        own = self._client.url
        if self._settings.paging != "link" or not token:
            return own
        url = own.join(token)
        if not self._client.is_own(url):
            raise self._bad("the link to the next page leads to another host, which must not get the credentials")
        return url

    def _conditions(self) -> dict[str, str]:
        return {_CONDITIONS[name]: value for name, value in self._recalled.items() if name in _CONDITIONS}

    def _parsed(self, answer: Answer) -> _Read:
        if answer.status == NOT_MODIFIED:
            if not self._recalled:
                raise PageMalformedError("answered 304, but was not asked for changes only")
            self.left_out_known = True
            return WirePage([], None, None), answer
        return parse_page(answer.body, answer.headers.get("content-type", ""), self._names), answer

    def _remember(self, answer: Answer) -> None:
        """Keep the validators of a dataset that is one page.

        Those of one page of several would not stand for the others.
        """
        if answer.status == NOT_MODIFIED:
            self._remembered = dict(self._recalled)
        elif not self._questions.asks_for_window:
            found = {name: answer.headers.get(name) for name in _CONDITIONS}
            self._remembered = {name: value for name, value in found.items() if value}

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)
