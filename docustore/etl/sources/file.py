"""Records from a file: NDJSON, a JSON array or CSV, plain or gzip.

The content shows the format, except for CSV, which the file name or a configured delimiter shows. Every run reads
the whole file and holds one page in memory. An interrupted run continues after the last finished record if the
file has not changed.
"""

import asyncio
import gzip
import io
import os
import re
import zlib
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, BinaryIO, ClassVar, Final, Self
from urllib.parse import unquote, urlsplit

import msgspec

from docustore.errors import ConfigurationError, SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import name_from
from docustore.etl.sources.csv_columns import HeaderMalformedError
from docustore.etl.sources.csv_file import CsvOptions, csv_records, is_wide_text
from docustore.etl.sources.json_array import ArrayMalformedError, split_array, split_wrapped
from docustore.etl.sources.source import BadRecord, Extent, Page, Source
from docustore.source_settings import SourceSettings

FILE_SOURCE_NAME: Final = "file"
GZIP_MAGIC: Final = b"\x1f\x8b"
BOM: Final = b"\xef\xbb\xbf"
HEAD_BYTES: Final = 4096
BLOCK_CHARS: Final = 1 << 20
# Longer lines are cut here, which bounds memory. They are over the size limit of records, so they are quarantined.
MAX_LINE_BYTES: Final = 16_000_000
NDJSON_SUFFIXES: Final = frozenset({".ndjson", ".jsonl"})
KNOWN_SUFFIXES: Final = frozenset({".gz", ".json", ".csv", ".tsv", ".txt", *NDJSON_SUFFIXES})
CSV: Final = "csv"
# A page of an HTTP service, saved as a file. A record has other keys first.
WRAPPED: Final = "wrapped"
WRAPPER_KEY: Final = "users"
_WRAPPER: Final = re.compile(
    rb'\{\s*(?:"(?:next_cursor|server_time|total)"\s*:\s*(?:"[^"]*"|[\w.-]+)\s*,\s*)*"users"\s*:\s*\['
)
CSV_SUFFIXES: Final = frozenset({".csv", ".tsv"})

Record = bytes | BadRecord


class FileUnfinishedError(Exception):
    """The last line of a file is cut off, because its writer is not done."""


def path_of(url: str) -> Path:
    """Turn a path or a file:// address into a path."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("file:") else Path(url)


class FileSource(Source):
    """One file, opened again for every reading."""

    schemes: ClassVar[frozenset[str]] = frozenset({"", "file"})
    reads_window = False

    def __init__(self, name: str, path: Path, *, page_size: int, csv_options: CsvOptions | None = None) -> None:
        self._name = name
        self._path = path
        self._page_size = page_size
        self._csv_options = csv_options or CsvOptions()
        self._stream: BinaryIO | None = None
        self._size = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Self]:
        """Describe the file or the folder; each reading opens and closes its files."""
        yield cls(name, path_of(settings.url), page_size=page_size, csv_options=CsvOptions.of(settings))

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a file after itself: `people` for `/exports/People.ndjson.gz`."""
        stem = path_of(address).name.lower()
        while (suffix := PurePath(stem).suffix) in KNOWN_SUFFIXES:
            stem = stem.removesuffix(suffix)
        return name_from(stem) or FILE_SOURCE_NAME

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return the absolute path, without links."""
        return str(path_of(address).resolve())

    async def clock(self) -> datetime:
        """Return this machine's time, because a file has no clock."""
        if not self._path.is_file():
            raise ConfigurationError(setting=f"sources.{self._name}.url", problem=f"no file at {self._path}")
        return datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read the file page by page; the window is ignored."""
        del window
        version = self._version()
        done, _, version_then = (after or "").partition("@")
        skip = int(done) if done and version_then == version else 0
        first = skip + 1
        async for batch in self.batches(skip=skip):
            last = first + len(batch) - 1
            yield replace(page_of(batch, first=first, resume=f"{last}@{version}"), extent=self._extent())
            first = last + 1

    async def batches(self, *, skip: int, is_growing: bool = False) -> AsyncIterator[list[Record]]:
        """Read the records after the first `skip`, in batches of at most one page.

        Args:
            is_growing: The file may be incomplete. A last line that is cut off is then no record.

        Raises:
            FileUnfinishedError: The last line is cut off.
        """
        records = self._records(is_growing=is_growing)
        try:
            await asyncio.to_thread(_consume, records, skip)
            while batch := await asyncio.to_thread(self._take, records):
                yield batch
        finally:
            # A thread that is still reading cannot be cancelled. It closes the file when it is done.
            with suppress(ValueError):
                records.close()

    def _take(self, records: Iterator[Record]) -> list[Record]:
        try:
            return list(islice(records, self._page_size))
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise self._bad("the gzip data is damaged or cut short; fetch the file again") from exc
        except ArrayMalformedError as exc:
            raise self._bad(f"the JSON array is broken ({exc}); the elements before it were loaded") from exc
        except HeaderMalformedError as exc:
            raise self._bad(str(exc)) from exc

    def _extent(self) -> Extent:
        """Tell the bytes read, of a gzip file the compressed ones."""
        stream: Any = self._stream
        raw = getattr(stream, "fileobj", stream)
        is_over = raw is None or raw.closed
        return Extent(done=self._size if is_over else raw.tell(), total=self._size, unit="bytes")

    def _records(self, *, is_growing: bool = False) -> Generator[Record, None, None]:
        with self._open() as stream:
            self._stream, self._size = stream, os.fstat(stream.fileno()).st_size
            kind = self._kind(stream)
            if kind == CSV:
                yield from csv_records(stream, self._csv_options, max_line=MAX_LINE_BYTES)
            elif kind in {"[", WRAPPED}:
                yield from _elements(stream, is_wrapped=kind == WRAPPED)
            else:
                yield from _lines(stream, is_growing=is_growing)

    def _open(self) -> BinaryIO:
        try:
            with self._path.open("rb") as raw:
                is_gzip = raw.read(2) == GZIP_MAGIC
            return gzip.open(self._path, "rb") if is_gzip else self._path.open("rb")  # type: ignore[return-value]
        except OSError as exc:
            raise ConfigurationError(
                setting=f"sources.{self._name}.url", problem=f"cannot read {self._path}: {exc.strerror}"
            ) from exc

    def _kind(self, stream: BinaryIO) -> str:
        try:
            head = stream.read(HEAD_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise self._bad("the gzip data is damaged; fetch the file again") from exc
        stream.seek(0)
        text = head.removeprefix(BOM).lstrip()
        if not text:
            raise self._bad("the file is empty; an export without records is `[]`")
        suffixes = {suffix.lower() for suffix in self._path.suffixes[-2:]}
        is_csv = not CSV_SUFFIXES.isdisjoint(suffixes) or self._csv_options.delimiter is not None
        if b"\0" in head and not (is_csv and is_wide_text(head)):
            raise self._bad("the file is binary or UTF-16, not UTF-8 text: expected NDJSON, a JSON array or CSV")
        if text.startswith(b"<"):
            raise self._bad("the file is HTML or XML, not records: look at what was downloaded")
        if is_csv:
            return CSV
        if _WRAPPER.match(text):
            return WRAPPED
        if text[:1] in {b"{", b"["} or NDJSON_SUFFIXES.intersection(suffixes):
            return text[:1].decode(errors="replace")
        raise self._bad("the file starts neither like NDJSON nor like a JSON array, and is not named .csv")

    def _version(self) -> str:
        try:
            status = self._path.stat()
        except OSError as exc:
            raise ConfigurationError(
                setting=f"sources.{self._name}.url", problem=f"cannot read {self._path}: {exc.strerror}"
            ) from exc
        return f"{status.st_size}-{status.st_mtime_ns}"

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)


def _lines(stream: BinaryIO, *, is_growing: bool) -> Iterator[bytes]:
    if stream.read(len(BOM)) != BOM:
        stream.seek(0)
    while line := stream.readline(MAX_LINE_BYTES):
        if is_growing and not line.endswith(b"\n") and not _is_json(line):
            raise FileUnfinishedError
        if not line.isspace():
            yield line
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)


def _elements(stream: BinaryIO, *, is_wrapped: bool) -> Iterator[bytes]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape") as text:
        blocks = iter(lambda: text.read(BLOCK_CHARS), "")
        elements = (
            split_wrapped(blocks, key=WRAPPER_KEY, max_element_chars=MAX_LINE_BYTES)
            if is_wrapped
            else split_array(blocks, max_element_chars=MAX_LINE_BYTES, is_whole_text=True)
        )
        for element in elements:
            yield element.encode(errors="surrogateescape")


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def page_of(taken: list[Record], *, first: int, resume: str) -> Page:
    """Return a batch of records as a page."""
    faults = {
        number: record.error for number, record in enumerate(taken, start=first) if isinstance(record, BadRecord)
    }
    records = [record.raw if isinstance(record, BadRecord) else record for record in taken]
    return Page(records=records, first=first, resume=resume, faults=faults)


def _consume(records: Iterator[Record], count: int) -> None:
    next(islice(records, count, count), None)
