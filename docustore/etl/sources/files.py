"""Records from several files: a folder, a pattern, or a storage of fsspec.

Files are read in the order of their names. A file that an earlier run has loaded is left out, unless its bytes
have changed. A file that cannot be read does not keep the others from being loaded; the run then fails and names
it. A file whose writer is not done is read as far as it goes, and is read again by the next run.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Final

import structlog
from pydantic import SecretStr

from docustore.errors import ConfigurationError, SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.addresses import place_without_secrets
from docustore.etl.sources.csv_file import CsvOptions
from docustore.etl.sources.file import FILE_SOURCE_NAME, FileSource, FileUnfinishedError, page_of, path_of
from docustore.etl.sources.file_places import FilePlace, FoundFile, LocalPlace, has_pattern
from docustore.etl.sources.source import Page, Source
from docustore.extras import extra_module
from docustore.source_options.secret import revealed
from docustore.source_settings import SourceSettings

if TYPE_CHECKING:
    from docustore.etl.sources.file_fsspec import FsspecPlace

log: Final = structlog.get_logger()
FSSPEC_PLACE: Final = "docustore.etl.sources.file_fsspec"
STORAGES: Final = frozenset(
    {"abfs", "abfss", "az", "ftp", "gcs", "gs", "hdfs", "memory", "s3", "s3a", "sftp", "smb", "ssh", "webhdfs"}
)


@dataclass(slots=True)
class _Progress:
    """What was read: records in all, and the last file with its records."""

    records: int = 0
    path: str = ""
    version: str = ""
    in_file: int = 0

    def __str__(self) -> str:
        return json.dumps([self.records, self.path, self.version, self.in_file])

    @classmethod
    def of(cls, text: str | None) -> "_Progress":
        return cls(*json.loads(text)) if text else cls()


class FilesSource(Source):
    """The files behind one address."""

    schemes: ClassVar[frozenset[str]] = frozenset({*FileSource.schemes, *STORAGES})
    reads_window = False

    def __init__(self, name: str, place: FilePlace, options: CsvOptions, *, page_size: int) -> None:
        self._name = name
        self._place = place
        self._options = options
        self._page_size = page_size
        self._recalled: Mapping[str, Any] = {}
        # Of each file that needs no reading by the next run: its digest and its version.
        self._known: dict[str, list[str]] = {}
        self._problems: list[str] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: SourceSettings, *, page_size: int) -> AsyncIterator[Source]:
        """Describe the files; each reading opens and closes them."""
        async with open_files(name, settings, CsvOptions.of(settings), page_size=page_size) as source:
            yield source

    @classmethod
    def name_of(cls, address: str) -> str:
        """Name a file or a folder after itself; a pattern may take its folder's name."""
        path = path_of(address.partition("://")[2] if is_stored(address) else address)
        name = FileSource.name_of(path.name)
        return (
            name
            if name != FILE_SOURCE_NAME or not has_pattern(path.name)
            else FileSource.name_of(path.parent.name)
        )

    @classmethod
    def place_of(cls, address: str) -> str:
        """Return the absolute path without links, or the address without secrets."""
        return place_without_secrets(address) if is_stored(address) else FileSource.place_of(address)

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take the files that earlier runs have loaded."""
        self._recalled = memory if self._place.is_many else {}

    def to_remember(self) -> dict[str, Any] | None:
        """Return the files that exist and need no reading."""
        return dict(self._known) if self._place.is_many else None

    async def clock(self) -> datetime:
        """Return this machine's time, because files have no clock."""
        await asyncio.to_thread(self._place.find)
        return datetime.now(UTC)

    async def pages(self, window: Window, *, after: str | None) -> AsyncIterator[Page]:
        """Read one file after the other; the window is ignored."""
        del window
        progress = _Progress.of(after)
        for file in await asyncio.to_thread(self._place.find):
            # What an earlier attempt has read is not remembered: it may have been another version.
            is_done = file.path < progress.path
            if await self._is_known(file, with_digest=not is_done) or is_done:
                continue
            async for page in self._pages_of(file, progress):
                yield page
        if self._problems:
            others = "" if len(self._problems) == 1 else f" (and {len(self._problems) - 1} more files)"
            raise self._bad(f"{self._problems[0]}{others}; the other files were loaded")

    async def _is_known(self, file: FoundFile, *, with_digest: bool) -> bool:
        known = self._recalled.get(file.id)
        if known is None:
            return False
        digest, version = known
        is_same = bool(version) and version == file.version
        if not is_same and with_digest:
            is_same = await asyncio.to_thread(self._digest_of, file) == digest
        if is_same:
            self._known[file.id] = [digest, file.version]
            self.left_out_known = True
        return is_same

    def _digest_of(self, file: FoundFile) -> str | None:
        try:
            return self._place.checksum(file)
        except OSError:  # the reading of the file will say why
            return None

    async def _pages_of(self, file: FoundFile, progress: _Progress) -> AsyncIterator[Page]:
        is_resumed = (file.path, file.version) == (progress.path, progress.version)
        skip = progress.in_file if is_resumed else 0
        progress.path, progress.version, progress.in_file = file.path, file.version, skip
        try:
            async with _Local(self._place, file) as (path, digest):
                reader = FileSource(self._name, path, page_size=self._page_size, csv_options=self._options)
                async for batch in reader.batches(skip=skip, is_growing=file.is_growing):
                    first = progress.records + 1
                    progress.records += len(batch)
                    progress.in_file += len(batch)
                    yield page_of(batch, first=first, resume=str(progress))
        except (FileUnfinishedError, SourceContentError, ConfigurationError, OSError) as exc:
            await self._note_problem(file, exc)
            return
        if not await asyncio.to_thread(self._place.has_changed, file):
            self._known[file.id] = [digest, file.version]

    async def _note_problem(self, file: FoundFile, error: Exception) -> None:
        may_be_unfinished = isinstance(error, FileUnfinishedError | SourceContentError | FileNotFoundError)
        if may_be_unfinished and (file.is_growing or await asyncio.to_thread(self._place.has_changed, file)):
            log.warning("etl.file_unfinished", source=self._name, file=_shown(file))
        elif isinstance(error, SourceContentError | ConfigurationError):
            self._problems.append(f"{_shown(file)}: {error.problem}")
        else:
            self._problems.append(f"{_shown(file)}: cannot be read ({type(error).__name__})")

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)


class _Local:
    """The context of `FilePlace.local`, in threads."""

    def __init__(self, place: FilePlace, file: FoundFile) -> None:
        self._context = place.local(file)

    async def __aenter__(self) -> Any:
        return await asyncio.to_thread(self._context.__enter__)

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._context.__exit__, None, None, None)


@asynccontextmanager
async def open_files(
    name: str, settings: SourceSettings, options: CsvOptions, *, page_size: int
) -> AsyncIterator[Source]:
    """Open a file, or several, with options for tables."""
    if is_stored(settings.url):
        place: FilePlace = await asyncio.to_thread(_fsspec_place, name, settings)
    elif not is_several(settings.url):
        yield FileSource(name, path_of(settings.url), page_size=page_size, csv_options=options)
        return
    else:
        place = LocalPlace(name, path_of(settings.url))
    yield FilesSource(name, place, options, page_size=page_size)


def _shown(file: FoundFile) -> str:
    """Return the name of a file, as text that can be stored with the run."""
    return PurePath(file.path).name.encode(errors="replace").decode()


def is_stored(address: str) -> bool:
    """Tell whether an address is of a storage, not of this machine."""
    scheme, separator, _ = address.partition("://")
    return bool(separator) and scheme.lower() != "file"


def is_several(address: str) -> bool:
    """Tell whether a local address is a folder or a pattern."""
    path = path_of(address)
    return path.is_dir() or (has_pattern(str(path)) and not path.exists())


def _fsspec_place(name: str, settings: SourceSettings) -> "FsspecPlace":
    module = extra_module(FSSPEC_PLACE, extra="fsspec", setting=f"sources.{name}")
    options = {
        key: revealed(value.get_secret_value(), setting=f"sources.{name}.storage.{key}")
        if isinstance(value, SecretStr)
        else value
        for key, value in settings.storage.items()
    }
    place: FsspecPlace = module.FsspecPlace(name, settings.url, options)
    return place
