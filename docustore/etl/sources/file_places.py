"""Find the files of a source: in a folder, or those that match a pattern."""

import re
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final

from docustore.errors import ConfigurationError

# Other files of a folder are left alone, such as a README, or the `.part` of a download.
KNOWN_SUFFIXES: Final = frozenset({".json", ".ndjson", ".jsonl", ".csv", ".tsv", ".txt"})
COMPRESSED_SUFFIX: Final = ".gz"
# A file that was written in this time may not be complete.
SETTLED_AFTER_S: Final = 60.0
# What a source remembers of each file is one entry of its one document, which MongoDB limits to 16 MB.
MAX_FILES: Final = 50_000
BLOCK_BYTES: Final = 1 << 20
_PATTERN: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One file: its path, and a text that differs after a change, if not empty."""

    path: str
    version: str
    is_growing: bool = False

    @property
    def id(self) -> str:
        """A short name for the memory of a source; a path may contain dots."""
        return blake2b(self.path.encode(errors="surrogateescape"), digest_size=12).hexdigest()


class FilePlace(ABC):
    """Where the files of a source are. All methods block, so they run in a thread.

    `is_many` tells whether files are remembered: a folder or a pattern, but not one file.
    """

    is_many: bool

    @abstractmethod
    def find(self) -> list[FoundFile]:
        """List the files in the order of their names.

        Raises:
            ConfigurationError: The file or the folder does not exist, or there are too many files.
            SourceUnavailableError: The storage does not answer.
        """

    @abstractmethod
    def checksum(self, file: FoundFile) -> str:
        """Return a digest of the bytes of a file."""

    @abstractmethod
    def local(self, file: FoundFile) -> Any:
        """Give the bytes of a file, as a context of a local path and a digest."""

    def has_changed(self, file: FoundFile) -> bool:
        """Tell whether a file has changed since it was found."""
        del file
        return False


class LocalPlace(FilePlace):
    """A folder or a pattern on this machine."""

    def __init__(self, source: str, path: Path) -> None:
        self._setting = f"sources.{source}.url"
        self._path = path
        self.is_many = True

    def find(self) -> list[FoundFile]:
        """List the files; a pattern may name subfolders with `**`."""
        if self._path.is_dir():
            paths = [str(path) for path in self._path.iterdir() if is_wanted(path)]
        else:
            base = Path(*_before_pattern(self._path.parts))
            if not base.is_dir():
                raise ConfigurationError(setting=self._setting, problem=f"no folder at {base}")
            paths = [str(path) for path in base.glob(str(self._path.relative_to(base)))]
        files = [self._found(path) for path in sorted(paths)]
        return limited([file for file in files if file is not None], self._setting)

    def checksum(self, file: FoundFile) -> str:
        """Read the whole file."""
        with Path(file.path).open("rb") as stream:
            return digest_of(stream)

    @contextmanager
    def local(self, file: FoundFile) -> Iterator[tuple[Path, str]]:
        """Return the file itself."""
        yield Path(file.path), self.checksum(file)

    def has_changed(self, file: FoundFile) -> bool:
        """Compare size and times."""
        now = self._found(file.path)
        return now is None or now.version != file.version

    def _found(self, path: str) -> FoundFile | None:
        try:
            status = Path(path).stat()
        except FileNotFoundError:  # moved away since the folder was listed
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        is_growing = time.time() - status.st_mtime < SETTLED_AFTER_S
        # The time of the last change of the inode cannot be set back, as `cp -p` does with the other one.
        version = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
        return FoundFile(path=path, version=version, is_growing=is_growing)


def has_pattern(text: str) -> bool:
    """Tell whether a path contains `*`, `?` or `[`."""
    return _PATTERN.search(text) is not None


def is_wanted(path: PurePath) -> bool:
    """Tell whether a file of a folder can have records, by its name."""
    suffix = PurePath(path.stem).suffix if path.suffix.lower() == COMPRESSED_SUFFIX else path.suffix
    return suffix.lower() in KNOWN_SUFFIXES and not path.name.startswith(".")


def digest_of(stream: BinaryIO) -> str:
    """Return a digest of all bytes of a stream."""
    digest = blake2b(digest_size=16)
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def limited(files: list[FoundFile], setting: str) -> list[FoundFile]:
    """Refuse more files than a source can remember."""
    if len(files) > MAX_FILES:
        problem = f"{len(files)} files are more than the limit of {MAX_FILES}: move old files away"
        raise ConfigurationError(setting=setting, problem=problem)
    return files


def _before_pattern(parts: tuple[str, ...]) -> tuple[str, ...]:
    first = next((at for at, part in enumerate(parts) if has_pattern(part)), len(parts))
    return parts[:first]
