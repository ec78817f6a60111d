"""What a filter may name, and which operators it takes. Pure.

A filter names a dimension or a field of users that every reader may see. The list is closed: a password hash, the
values of identities and the fields of other clients cannot be named.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from docustore.analytics.dimensions import DIMENSIONS
from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS


class Operator(StrEnum):
    """How a filter compares."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    EXISTS = "exists"
    GTE = "gte"
    LT = "lt"
    PREFIX = "prefix"


class FieldKind(StrEnum):
    """What a filter compares with."""

    DIMENSION = "dimension"
    TEXT = "text"
    LABELS = "labels"
    FLAG = "flag"
    TIME = "time"


_KINDS: Final = {Reading.FLAG: FieldKind.FLAG, Reading.LABELS: FieldKind.LABELS, Reading.TIME: FieldKind.TIME}
_EQUALITY: Final = (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN)
OPERATORS: Final[Mapping[FieldKind, tuple[Operator, ...]]] = {
    FieldKind.DIMENSION: _EQUALITY,
    FieldKind.TEXT: (*_EQUALITY, Operator.EXISTS, Operator.PREFIX),
    FieldKind.LABELS: (*_EQUALITY, Operator.EXISTS),
    FieldKind.FLAG: (Operator.EQ, Operator.NE, Operator.EXISTS),
    FieldKind.TIME: (Operator.GTE, Operator.LT, Operator.EXISTS),
}
# A dimension comes last: `status` is both, and means the dimension.
FILTER_FIELDS: Final[Mapping[str, FieldKind]] = {
    **{field.name: _KINDS.get(field.wire.reading, FieldKind.TEXT) for field in FIELDS},
    "updated_at": FieldKind.TIME,
    **dict.fromkeys(DIMENSIONS, FieldKind.DIMENSION),
}
FILTER_NAMES: Final = tuple(sorted(FILTER_FIELDS))
