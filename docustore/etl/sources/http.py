"""Records from a paged HTTP service.

Protocol: `GET url?modified_since=T&until=T&limit=N&cursor=C` answers `{"users": [...], "next_cursor": C|null,
"server_time": T, "total": N}`, ordered by (modified_at, id); time and total may be missing. 408, 429, 5xx,
transport errors and answers that end too early are retried with jittered backoff, and `Retry-After` is honoured.
401, 403 and all other 4xx are final. A page of another shape is an error: no run succeeds on an error page.
"""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import httpx2
import stamina

from docustore.clock import as_utc
from docustore.errors import SourceContentError, SourceRejectedError, SourceUnavailableError
from docustore.etl.models import Window
from docustore.etl.sources.http_page import PageMalformedError, PageTruncatedError, WirePage, parse_page
from docustore.etl.sources.page_sequence import PageSequence
from docustore.etl.sources.source import Extent, Page, Source
from docustore.source_settings import SourceSettings

REQUEST_TIMEOUT: Final = 408
TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500
# A longer `Retry-After` puts the run off, which frees the worker.
MAX_INLINE_WAIT: Final = timedelta(seconds=60)
# No run is put off for longer: a misconfigured proxy must not end the schedule of a source.
MAX_RETRY_AFTER: Final = timedelta(days=1)
BACKOFF_START_S: Final = 0.5
BACKOFF_MAX_S: Final = 20.0
# The mark after the last page: the run has read everything and only its commit is missing.
FINISHED: Final = "!"
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9]+")


class HttpSource(Source):
    """The service behind one URL."""

    schemes: ClassVar[frozenset[str]] = frozenset({"http", "https"})
    reads_window: ClassVar[bool] = True

    def __init__(self, name: str, settings: SourceSettings, client: httpx2.AsyncClient) -> None:
        self._name = name
        self._settings = settings
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Open one connection pool to the service; `settings.page_size` counts here."""
        del page_size
        headers = {key: value.get_secret_value() for key, value in settings.headers.items()}
        timeout = httpx2.Timeout(settings.timeout_s)
        async with httpx2.AsyncClient(
            timeout=timeout, headers={"Accept": "application/json", **headers}
        ) as client:
            yield cls(name, settings, client)

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a service after its host and port: `crm-example-org-8443`."""
        host = urlsplit(address).netloc.rpartition("@")[2]
        return _NOT_IN_A_NAME.sub("-", host.lower()).strip("-")

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return scheme, host and path; a query or a user name may contain secrets."""
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"

    async def clock(self) -> datetime:
        """Ask for one record and return the time that the answer states."""
        page, response = await self._get({"limit": "1"})
        if page.server_time is not None:
            return as_utc(page.server_time)
        return _http_date(response.headers.get("date", "")) or datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Follow the cursors to the last page, from the first one or from a mark."""
        done, _, cursor = (after or "0@").partition("@")
        if cursor == FINISHED:
            return
        first = int(done) + 1
        sequence = PageSequence(cursor)
        while True:
            page, _ = await self._get(self._query(window, cursor))
            last = first + len(page.users) - 1
            try:
                sequence.add(page, delivered=last)
            except PageMalformedError as exc:
                raise self._bad(str(exc)) from exc
            extent = None if page.total is None else Extent(done=last, total=page.total, unit="records")
            resume = f"{last}@{page.next_cursor or FINISHED}"
            yield Page(records=page.users, first=first, resume=resume, extent=extent)
            if not page.next_cursor:
                return
            cursor, first = page.next_cursor, last + 1

    def _query(self, window: Window, cursor: str) -> dict[str, str]:
        query = {"limit": str(self._settings.page_size)}
        if window.since is not None:
            query["modified_since"] = window.since.isoformat()
        if window.until is not None:
            query["until"] = window.until.isoformat()
        if cursor:
            query["cursor"] = cursor
        return query

    async def _get(self, query: Mapping[str, str]) -> tuple[WirePage, httpx2.Response]:
        async for attempt in stamina.retry_context(
            on=_backoff,
            attempts=self._settings.max_retries + 1,
            timeout=None,
            wait_initial=BACKOFF_START_S,
            wait_max=BACKOFF_MAX_S,
        ):
            with attempt:
                response = await self._request(query)
                return self._parsed(response), response
        raise AssertionError("unreachable: the loop returns or raises")

    def _parsed(self, response: httpx2.Response) -> WirePage:
        try:
            return parse_page(response.content, response.headers.get("content-type", ""))
        except PageTruncatedError as exc:
            raise SourceUnavailableError(source=self._name, reason=f"the answer is cut short ({exc})") from exc
        except PageMalformedError as exc:
            raise self._bad(str(exc)) from exc

    async def _request(self, query: Mapping[str, str]) -> httpx2.Response:
        # Merged: `params` would replace the query of the configured URL, such as a tenant's name.
        url = httpx2.URL(self._settings.url).copy_merge_params(query)
        try:
            response = await self._client.get(url)
        except (httpx2.TransportError, httpx2.DecodingError) as exc:
            raise SourceUnavailableError(source=self._name, reason=type(exc).__name__) from exc
        status = response.status_code
        if status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or status >= SERVER_ERROR:
            wait = _retry_after(response.headers.get("retry-after"))
            raise SourceUnavailableError(source=self._name, reason=f"status {status}", retry_after=wait)
        if not response.is_success:
            raise SourceRejectedError(source=self._name, status=status)
        return response

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)


def _backoff(error: Exception) -> bool | timedelta:
    if not isinstance(error, SourceUnavailableError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_INLINE_WAIT else False


def _retry_after(value: str | None) -> timedelta | None:
    """Read `Retry-After`, limited to one day; None if it is missing or malformed.

    The header is a number of seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait_s = float(text)
    elif (until := _http_date(text)) is not None:
        wait_s = until.timestamp() - time.time()
    else:
        return None
    return timedelta(seconds=min(max(0.0, wait_s), MAX_RETRY_AFTER.total_seconds()))


def _http_date(value: str) -> datetime | None:
    """Read an HTTP date as UTC; None if it is missing or malformed."""
    try:
        return as_utc(parsedate_to_datetime(value))
    except ValueError:
        return None
