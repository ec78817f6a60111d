"""Files of every storage that fsspec knows, such as S3. Needs the extra `fsspec`."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

from docustore.errors import ConfigurationError, SourceUnavailableError
from docustore.etl.sources.file_places import BLOCK_BYTES, FilePlace, FoundFile, has_pattern, is_wanted, limited

# What storages tell of the version of a file, by their own names.
_VERSIONS: Final = (
    "ETag", "etag", "md5", "md5Hash", "content_md5", "generation", "mtime", "ctime", "LastModified",
    "last_modified", "modified", "modify", "updated", "created",
)  # fmt: skip


class FsspecPlace(FilePlace):
    """A file, a folder or a pattern in a storage; files are copied to be read."""

    def __init__(self, source: str, url: str, options: Mapping[str, Any]) -> None:
        self._source = source
        self._setting = f"sources.{source}.url"
        with self._translated():
            self._storage, self._path = fsspec.core.url_to_fs(url, **options)
            self._storage.invalidate_cache()
            self.is_many = has_pattern(self._path) or not self._storage.isfile(self._path)

    def find(self) -> list[FoundFile]:
        """List the files; a pattern may name subfolders with `**`."""
        with self._translated():
            if not self.is_many:
                found = [self._storage.info(self._path)]
            elif has_pattern(self._path):
                found = list(self._storage.glob(self._path, detail=True).values())
            else:
                found = [
                    entry
                    for entry in self._storage.ls(self._path, detail=True)
                    if is_wanted(PurePosixPath(entry["name"]))
                ]
        files = [
            FoundFile(path=entry["name"], version=_version(entry)) for entry in found if entry["type"] == "file"
        ]
        return limited(sorted(files, key=lambda file: file.path), self._setting)

    def checksum(self, file: FoundFile) -> str:
        """Read the whole file."""
        with self.local(file) as (_, digest):
            return digest

    @contextmanager
    def local(self, file: FoundFile) -> Iterator[tuple[Path, str]]:
        """Copy the file; its digest is that of the copy."""
        suffixes = "".join(PurePosixPath(file.path).suffixes[-2:])
        with tempfile.NamedTemporaryFile(prefix="docustore-", suffix=suffixes) as copy:
            digest = blake2b(digest_size=16)
            with self._translated(), self._storage.open(file.path, "rb") as stream:
                while block := stream.read(BLOCK_BYTES):
                    digest.update(block)
                    copy.write(block)
            copy.flush()
            yield Path(copy.name), digest.hexdigest()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ImportError as exc:
            # fsspec says what to install, such as `Install s3fs to access S3`.
            raise ConfigurationError(setting=self._setting, problem=str(exc)) from exc
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise ConfigurationError(setting=self._setting, problem="no file or folder at the address") from exc
        except PermissionError as exc:
            raise ConfigurationError(setting=self._setting, problem="the storage refuses the access") from exc
        except (ValueError, TypeError) as exc:
            problem = "fsspec does not know such an address, or one of the options in `storage`"
            raise ConfigurationError(setting=self._setting, problem=problem) from exc
        except OSError as exc:
            raise SourceUnavailableError(source=self._source, reason=type(exc).__name__) from exc


def _version(entry: Mapping[str, Any]) -> str:
    known = [f"{name}={entry[name]}" for name in _VERSIONS if entry.get(name)]
    return f"{entry.get('size')};{';'.join(known)}" if known else ""
