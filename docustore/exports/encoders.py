"""Turn batches of users into the bytes of a file."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from docustore.exports import csv_table, full_record
from docustore.exports.formats import ExportFormat, FileForm
from docustore.extras import extra_module
from docustore.users.stored import RawUser
from docustore.users.views import user_view

PARQUET_TABLE: Final = "docustore.exports.parquet_table"
PARQUET: Final = "parquet"
# `str`: another client may have stored any type of BSON in any field.
_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
# wbits of a gzip stream. Its header then has no time and no name, so equal users give equal bytes.
_GZIP_WBITS: Final = 31


class Encoder(Protocol):
    """The bytes of one file: its begin, its users, its end."""

    def begin(self) -> bytes:
        """Return what stands before the first user."""
        ...

    def encode(self, users: Iterable[RawUser]) -> bytes:
        """Return the bytes that are ready after these users."""
        ...

    def end(self) -> bytes:
        """Return what is left."""
        ...


def encoder_of(form: FileForm, *, is_full: bool) -> Encoder:
    """Make the encoder of a file.

    Raises:
        ConfigurationError: The package of the format is not installed.
    """
    if is_full:
        plain: Encoder = _Lines(lambda users: b"".join(map(full_record.line_of, users)))
    elif form.format is ExportFormat.PARQUET:
        module = extra_module(PARQUET_TABLE, extra=PARQUET, setting="format")
        plain = module.ParquetEncoder()
    elif form.format is ExportFormat.CSV:
        plain = _Lines(csv_table.lines_of, header=csv_table.header())
    else:
        plain = _Lines(lambda users: _ENCODER.encode_lines([user_view(user) for user in users]))
    return _Gzip(plain) if form.is_gzip else plain


@dataclass(slots=True)
class Tally:
    """The rows and bytes of a file so far, and the digest of the bytes."""

    rows: int = 0
    size_bytes: int = 0
    _digest: Any = field(default_factory=sha256)

    def add(self, chunk: bytes, *, rows: int = 0) -> bytes:
        """Count a part of the file, and return it."""
        self.rows += rows
        self.size_bytes += len(chunk)
        self._digest.update(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        """The digest as 64 hex digits, as `sha256sum` prints it."""
        return str(self._digest.hexdigest())


class _ToBytes(Protocol):
    def __call__(self, users: Iterable[RawUser], /) -> bytes: ...


class _Lines:
    def __init__(self, to_bytes: _ToBytes, *, header: bytes = b"") -> None:
        self._to_bytes = to_bytes
        self._header = header

    def begin(self) -> bytes:
        return self._header

    def encode(self, users: Iterable[RawUser]) -> bytes:
        return self._to_bytes(users)

    def end(self) -> bytes:
        return b""


class _Gzip:
    def __init__(self, plain: Encoder) -> None:
        self._plain = plain
        self._compressor = zlib.compressobj(wbits=_GZIP_WBITS)

    def begin(self) -> bytes:
        return self._compressor.compress(self._plain.begin())

    def encode(self, users: Iterable[RawUser]) -> bytes:
        return self._compressor.compress(self._plain.encode(users))

    def end(self) -> bytes:
        return self._compressor.compress(self._plain.end()) + self._compressor.flush()
