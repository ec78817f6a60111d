"""The columns of an answer. Pure."""

from enum import StrEnum
from typing import Final

import msgspec

BUCKET: Final = "bucket"


class ColumnKind(StrEnum):
    """What a column holds."""

    BUCKET = "bucket"
    DIMENSION = "dimension"
    METRIC = "metric"


class ColumnType(StrEnum):
    """The JSON type of the cells of a column; any cell may be null."""

    TEXT = "text"
    TIME = "time"
    INTEGER = "integer"
    NUMBER = "number"


class Column(msgspec.Struct, frozen=True):
    """One column of the rows."""

    name: str
    kind: ColumnKind
    type: ColumnType
