"""Every kind of source keeps the contract of `source_contract.py`."""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from docustore.errors import ConfigurationError, DocustoreError, RetryableError
from docustore.etl.sources.registry import SOURCES
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.conftest import Servers
from tests.http_service import Answer, http_service
from tests.integration.etl.conftest import file_source
from tests.integration.etl.source_contract import PAGE_SIZE, SourceContract
from tests.upstreams.mongodb import LEAKS
from tests.upstreams.postgresql import PostgresServer
from tests.upstreams.start import upstream_of


def test_every_kind_has_a_contract_test() -> None:
    tested = {contract.kind for contract in _leaves(SourceContract)}

    assert tested == set(SOURCES) == set(SourceKind)


def _leaves(contract: type[SourceContract]) -> list[type[SourceContract]]:
    return [leaf for each in contract.__subclasses__() for leaf in _leaves(each)] or [contract]


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
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        self._path.write_text("<html><body>Sign in</body></html>")
        yield file_source(self._path)

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        yield file_source(self._path)


class TestFolderSource(TestFileSource):
    """Several files, and a page ends with its file."""

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        for start in range(0, len(records), PAGE_SIZE):
            (self._path.parent / f"{start}.json").write_text(json.dumps(records[start : start + PAGE_SIZE]))
        yield file_source(self._path.parent)

    @asynccontextmanager
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        async with super().serve_bad_content():
            os.utime(self._path, (0, 0))
            yield file_source(self._path.parent)

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        yield file_source(self._path.parent / "absent" / "*.json")


class TestStorageSource(TestFileSource):
    """The same files in a storage of fsspec."""

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        url = f"memory://{self._path.parent}"
        storage = fsspec.filesystem("memory")
        storage.makedirs(str(self._path.parent))
        for start in range(0, len(records), PAGE_SIZE):
            storage.pipe(
                f"{self._path.parent}/{start}.json", json.dumps(records[start : start + PAGE_SIZE]).encode()
            )
        yield SourceSettings(kind="file", url=url)

    @asynccontextmanager
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        fsspec.filesystem("memory").pipe(str(self._path), b"<html>Sign in</html>")
        yield SourceSettings(kind="file", url=f"memory://{self._path}")

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        yield SourceSettings(kind="file", url=f"memory://{self._path.parent}/absent.json")


class ServiceContract(SourceContract):
    kind: ClassVar[SourceKind]
    absence: ClassVar[type[DocustoreError]] = RetryableError

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, Path(), mongodb_url="") as upstream:
            await upstream.put(records)
            yield upstream.settings(page_size=PAGE_SIZE)

    @asynccontextmanager
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        async with http_service(lambda _: Answer(b"<html>Sign in</html>")) as service:
            yield SourceSettings(kind=self.kind, url=service.url)

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, Path(), mongodb_url="") as upstream:
            await upstream.stop()
            yield upstream.settings(max_retries=0)


class TestHttpSource(ServiceContract):
    kind: ClassVar[SourceKind] = SourceKind.HTTP


class TestScimSource(ServiceContract):
    kind: ClassVar[SourceKind] = SourceKind.SCIM


@pytest.mark.filterwarnings(LEAKS)
class TestMongodbSource(SourceContract):
    kind: ClassVar[SourceKind] = SourceKind.MONGODB
    absence: ClassVar[type[DocustoreError]] = RetryableError
    bad_content: ClassVar[tuple[type[DocustoreError], str]] = (ConfigurationError, "there is no collection")

    @pytest.fixture(autouse=True)
    def _server(self, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
        self._url = servers.mongodb_url
        monkeypatch.setattr("docustore.etl.sources.mongodb.TIMEOUT_MS", 200)

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, Path(), mongodb_url=self._url) as upstream:
            await upstream.put(records)
            yield upstream.settings()

    @asynccontextmanager
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, Path(), mongodb_url=self._url) as upstream:
            yield upstream.settings()

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, Path(), mongodb_url=self._url) as upstream:
            await upstream.stop()
            yield upstream.settings()


class SqlContract(SourceContract):
    kind: ClassVar[SourceKind] = SourceKind.SQL
    bad_content: ClassVar[tuple[type[DocustoreError], str]] = (ConfigurationError, "has no column uid")
    _postgres: PostgresServer | None = None

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._path = tmp_path

    @asynccontextmanager
    async def serve(self, records: Sequence[dict[str, Any]]) -> AsyncIterator[SourceSettings]:
        async with upstream_of(self.kind, self._path, mongodb_url="", postgres=self._postgres) as upstream:
            await upstream.put(records)
            yield upstream.settings()

    @asynccontextmanager
    async def serve_bad_content(self) -> AsyncIterator[SourceSettings]:
        async with self.serve([]) as settings:
            yield settings.model_copy(update={"key": ("uid",)})


class TestSqliteSource(SqlContract):
    kind: ClassVar[SourceKind] = SourceKind.SQL
    absence: ClassVar[type[DocustoreError]] = ConfigurationError

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        yield SourceSettings(kind="sql", url=f"sqlite:///{self._path / 'absent.db'}#people")


class TestPostgresSource(SqlContract):
    kind: ClassVar[SourceKind] = SourceKind.SQL
    absence: ClassVar[type[DocustoreError]] = RetryableError

    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        self._postgres = postgres

    @asynccontextmanager
    async def serve_nothing(self) -> AsyncIterator[SourceSettings]:
        assert self._postgres is not None
        async with self.serve([]) as settings:
            await self._postgres.stop()
            try:
                yield settings
            finally:
                await self._postgres.start()
