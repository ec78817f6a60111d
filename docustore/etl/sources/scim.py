"""Users of a SCIM 2.0 provider (RFC 7644), by `startIndex` and `count`.

A run asks for users with `meta.lastModified` in its window. Of a provider that ignores or refuses the filter, it
reads all users and leaves out those outside the window. A user that is gone is not seen by such a run.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final, Self

import msgspec

from docustore.errors import SourceContentError, SourceRejectedError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import host_name, place_without_secrets
from docustore.etl.sources.http import FINISHED
from docustore.etl.sources.http_client import Answer, Question, ServiceClient, service_client
from docustore.etl.sources.http_page import PageNames, WirePage, parse_page
from docustore.etl.sources.http_times import http_date
from docustore.etl.sources.page_errors import PageMalformedError
from docustore.etl.sources.page_sequence import PageSequence
from docustore.etl.sources.scim_user import scim_record
from docustore.etl.sources.source import Extent, Page, Source
from docustore.source_options.address import SCIM_PREFIX
from docustore.source_settings import SourceSettings

NAMES: Final = PageNames(records="Resources", cursor="", time="", total="totalResults", is_setting=False)
BAD_REQUEST: Final = 400
_HEADERS: Final = {"Accept": "application/scim+json, application/json"}


class _Total(msgspec.Struct):
    total: int = msgspec.field(name="totalResults")


@dataclass(frozen=True, slots=True)
class _Mark:
    """`records` were delivered, and `users` were read, with those outside the window."""

    records: int = 0
    users: int = 0

    @classmethod
    def of(cls, text: str | None) -> "_Mark | None":
        """Read a mark; None is the end."""
        records, _, users = (text or "0@0").partition("@")
        return None if users == FINISHED else cls(int(records), int(users))


class ScimSource(Source):
    """The users of one provider."""

    schemes: ClassVar[frozenset[str]] = frozenset({"scim+http", "scim+https"})
    reads_window = True

    def __init__(self, name: str, settings: SourceSettings, client: ServiceClient) -> None:
        self._name = name
        self._page_size = settings.page_size
        self._client = client
        path = client.url.path.rstrip("/")
        self._url = client.url.copy_with(path=path if path.endswith("/Users") else f"{path}/Users")
        self._is_filtered = True
        self._has_mapping = bool(settings.map or settings.map_hook)

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Open one connection pool to the provider; `settings.page_size` counts here."""
        del page_size
        async with service_client(name, settings, prefix=SCIM_PREFIX) as client:
            yield cls(name, settings, client)

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a provider after its host and port."""
        return host_name(address)

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return scheme, host and path."""
        return place_without_secrets(address.removeprefix(SCIM_PREFIX))

    async def clock(self) -> datetime:
        """Ask for one user and return the time that the answer states."""
        _, answer = await self._read(Window(), 0, count=1)
        return http_date(answer.headers.get("date", "")) or datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Follow the pages to the last one, from the first one or from a mark."""
        mark = _Mark.of(after)
        if mark is None:
            return
        records, users = mark.records, mark.users
        sequence = PageSequence(str(users))
        while True:
            page, _ = await self._taken(window, users)
            users += len(page.users)
            is_last = not page.users or (page.total is not None and users >= page.total)
            try:
                sequence.add(
                    WirePage(page.users, None if is_last else str(users), None, page.total), delivered=users
                )
            except PageMalformedError as exc:
                raise SourceContentError(source=self._name, problem=str(exc)) from exc
            wanted = self._wanted(page.users, window)
            first, records = records + 1, records + len(wanted)
            resume = f"{records}@{FINISHED if is_last else users}"
            extent = None if page.total is None else Extent(done=users, total=page.total, unit="records")
            yield Page(records=wanted, first=first, resume=resume, extent=extent)
            if is_last:
                return

    async def _taken(self, window: Window, users: int) -> tuple[WirePage, Answer]:
        try:
            return await self._read(window, users, count=self._page_size)
        except SourceRejectedError as exc:
            # RFC 7644, 3.4.2.2: filters are optional. In the middle of a list, they are not given up.
            if exc.status != BAD_REQUEST or not self._is_filtered or window.since is None or users:
                raise
        self._is_filtered = False
        return await self._read(window, users, count=self._page_size)

    def _wanted(self, users: list[bytes], window: Window) -> list[bytes]:
        found = [scim_record(user, with_attributes=self._has_mapping) for user in users]
        return [record for record, modified_at in found if _is_within(modified_at, window)]

    async def _read(self, window: Window, users: int, *, count: int) -> tuple[WirePage, Answer]:
        query = {"startIndex": str(users + 1), "count": str(count)}
        if window.since is not None and self._is_filtered:
            query["filter"] = f'meta.lastModified ge "{window.since.isoformat().replace("+00:00", "Z")}"'
        url = self._url.copy_merge_params(query)
        return await self._client.ask(Question(url=url, headers=_HEADERS), _parsed)


def _parsed(answer: Answer) -> tuple[WirePage, Answer]:
    try:
        return parse_page(answer.body, answer.headers.get("content-type", ""), NAMES), answer
    except PageMalformedError:
        # RFC 7644, 3.4.2: `Resources` may be missing if there are none.
        if _total(answer.body) != 0:
            raise
        return WirePage([], None, None, 0), answer


def _total(body: bytes) -> int | None:
    try:
        return msgspec.json.decode(body, type=_Total).total
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_within(modified_at: datetime | None, window: Window) -> bool:
    if modified_at is None:
        return True
    return (window.since is None or modified_at >= window.since) and (
        window.until is None or modified_at < window.until
    )
