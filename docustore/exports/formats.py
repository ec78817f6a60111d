"""The formats of files with users. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from docustore.errors import FieldError, InvalidQueryError

GZIP: Final = "application/gzip"
_GZIP_SUFFIX: Final = ".gz"


class ExportFormat(StrEnum):
    """How users are written: one JSON object per line, a table, or Apache Parquet."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
_BY_SUFFIX: Final = {
    ".ndjson": ExportFormat.NDJSON,
    ".jsonl": ExportFormat.NDJSON,
    ".csv": ExportFormat.CSV,
    ".parquet": ExportFormat.PARQUET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """A format, compressed by gzip or not.

    Raises:
        InvalidQueryError: Parquet with gzip; Parquet compresses its columns itself.
    """

    format: ExportFormat = ExportFormat.NDJSON
    is_gzip: bool = False

    def __post_init__(self) -> None:
        if self.is_gzip and self.format is ExportFormat.PARQUET:
            detail = "Parquet is compressed already; leave gzip out"
            raise InvalidQueryError((FieldError(pointer="/gzip", code="not_allowed", detail=detail),))

    @property
    def media_type(self) -> str:
        """The media type of the bytes."""
        return GZIP if self.is_gzip else MEDIA_TYPES[self.format]

    @property
    def suffix(self) -> str:
        """The end of a file's name, such as `.csv.gz`."""
        return f".{self.format.value}{_GZIP_SUFFIX if self.is_gzip else ''}"

    @classmethod
    def of_name(cls, name: str) -> "FileForm | None":
        """Read the form from a file's name; None if the name does not say it."""
        path = PurePath(name.lower())
        is_gzip = path.suffix == _GZIP_SUFFIX
        found = _BY_SUFFIX.get(PurePath(path.stem).suffix if is_gzip else path.suffix)
        return None if found is None else cls(format=found, is_gzip=is_gzip)
