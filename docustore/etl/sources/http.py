"""Records from a paged HTTP service.

Protocol: `GET url?modified_since=T&until=T&limit=N&cursor=C` answers `{"users": [...], "next_cursor": C|null,
"server_time": T}`, ordered by (modified_at, id). 401, 403 and other 4xx are final; 429, 5xx and transport errors
are retried with jittered backoff, and `Retry-After` is honoured. A page that is no such JSON is an error: a run
never succeeds on an error page.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import stamina

from docustore.clock import as_utc
from docustore.errors import SourceContentError, SourceRejectedError, SourceUnavailableError
from docustore.etl.models import Window
from docustore.etl.sources.http_page import PageMalformedError, WirePage, parse_page
from docustore.etl.sources.page import Page
from docustore.source_settings import SourceSettings

TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500
# A source that asks for more is not waited for: the run is put off, and its worker freed.
MAX_INLINE_WAIT: Final = timedelta(seconds=60)
# Nor is it put off for longer: a proxy's mistake must not end the schedule of a source.
MAX_RETRY_AFTER: Final = timedelta(days=1)
BACKOFF_START_S: Final = 0.5
BACKOFF_MAX_S: Final = 20.0
# Marks a run that has read everything and only lacks its commit.
FINISHED: Final = "!"


@asynccontextmanager
async def open_http_source(name: str, settings: SourceSettings) -> AsyncIterator["HttpSource"]:
    """Open one connection pool to the service for the length of a run."""
    headers = {key: value.get_secret_value() for key, value in settings.headers.items()}
    timeout = httpx2.Timeout(settings.timeout_s)
    async with httpx2.AsyncClient(timeout=timeout, headers={"Accept": "application/json", **headers}) as client:
        yield HttpSource(name, settings, client)


class HttpSource:
    """The service behind one url."""

    def __init__(self, name: str, settings: SourceSettings, client: httpx2.AsyncClient) -> None:
        self._name = name
        self._settings = settings
        self._client = client

    async def clock(self) -> datetime:
        """Ask for one record, for the sake of the time the service says it is."""
        page, response = await self._get({"limit": "1"})
        if page.server_time is not None:
            return as_utc(page.server_time)
        return _http_date(response.headers.get("date", "")) or datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Follow the cursors from the first page, or from a mark, to the last."""
        done, _, cursor = (after or "0@").partition("@")
        if cursor == FINISHED:
            return
        first = int(done) + 1
        seen: set[str] = set()
        while True:
            page, _ = await self._get(self._query(window, cursor))
            last = first + len(page.users) - 1
            yield Page(records=page.users, first=first, resume=f"{last}@{page.next_cursor or FINISHED}")
            if not page.next_cursor:
                return
            if page.next_cursor in seen:
                raise self._bad("next_cursor came twice; following it would never end")
            seen.add(page.next_cursor)
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
        try:
            return parse_page(response.content, response.headers.get("content-type", "")), response
        except PageMalformedError as exc:
            raise self._bad(str(exc)) from exc

    async def _request(self, query: Mapping[str, str]) -> httpx2.Response:
        # Merged: `params` would replace the query that the configured address has, such as a tenant's name.
        url = httpx2.URL(self._settings.url).copy_merge_params(query)
        try:
            response = await self._client.get(url)
        except (httpx2.TransportError, httpx2.DecodingError) as exc:
            raise SourceUnavailableError(source=self._name, reason=type(exc).__name__) from exc
        status = response.status_code
        if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
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
    """Read `Retry-After`, seconds or an HTTP date (RFC 9110, 10.2.3), a day at most.

    None where it is missing or senseless.
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
    """Read an HTTP date as UTC; None where it is missing or malformed."""
    try:
        return as_utc(parsedate_to_datetime(value))
    except ValueError:
        return None
