"""Every kind of source keeps the contract of `source_contract.py`."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from docustore.errors import ConfigurationError, DocustoreError, RetryableError
from docustore.etl.sources.registry import SOURCES
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, Query, http_service
from tests.integration.etl.conftest import file_source
from tests.integration.etl.source_contract import PAGE_SIZE, SourceContract


def test_every_kind_has_a_contract_test() -> None:
    assert {contract.kind for contract in SourceContract.__subclasses__()} == set(SOURCES) == set(SourceKind)


class TestFileSource(SourceContract):
    kind: ClassVar[SourceKind] = SourceKind.FILE
    # A missing file is a wrong setting: no retry brings it back.
    absence: ClassVar[type[DocustoreError]] = ConfigurationError

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._path = tmp_path / "users.json"

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        self._path.write_text(json.dumps(records))
        yield file_source(self._path)

    @asynccontextmanager
    async def serve_html(self) -> AsyncIterator[SourceSettings]:
        self._path.write_text("<html><body>Sign in</body></html>")
        yield file_source(self._path)

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        yield file_source(self._path)


class TestHttpSource(SourceContract):
    kind: ClassVar[SourceKind] = SourceKind.HTTP
    absence: ClassVar[type[DocustoreError]] = RetryableError

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        async with http_service(lambda query: _page(records, query)) as service:
            yield SourceSettings(kind="http", url=service.url, page_size=PAGE_SIZE)

    @asynccontextmanager
    async def serve_html(self) -> AsyncIterator[SourceSettings]:
        async with http_service(lambda _: Answer(b"<html>Sign in</html>")) as service:
            yield SourceSettings(kind="http", url=service.url)

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        async with http_service(lambda _: Answer()) as service:
            pass
        yield SourceSettings(kind="http", url=service.url, max_retries=0)


def _page(records: Sequence[dict[str, Any]], query: Query) -> Answer:
    since, until = query.get("modified_since"), query.get("until")
    wanted = [
        record
        for record in records
        if (since is None or _time(record["modified_at"]) >= _time(since))
        and (until is None or _time(record["modified_at"]) < _time(until))
    ]
    start = int(query.get("cursor", "0"))
    end = start + int(query["limit"])
    return Answer({"users": wanted[start:end], "next_cursor": str(end) if end < len(wanted) else None})


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
