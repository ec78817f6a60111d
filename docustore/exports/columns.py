"""The columns of a table of users: the fields of the API's response, flat. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from docustore.users.field_types import Reading
from docustore.users.fields import FIELDS, UserField, completed_fields, leaf
from docustore.users.rules import full_name
from docustore.users.stored import RawUser


class ColumnKind(StrEnum):
    """The type of a column; `optional_text` tells an absent value from an empty one."""

    TEXT = "text"
    OPTIONAL_TEXT = "optional_text"
    FLAG = "flag"
    LABELS = "labels"
    TIME = "time"
    WHOLE_NUMBER = "whole_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `path` is where a record has its value."""

    name: str
    kind: ColumnKind
    path: tuple[str, ...]


# The column of each way to read a field; any other field is text.
_KINDS: Final = {Reading.FLAG: ColumnKind.FLAG, Reading.LABELS: ColumnKind.LABELS, Reading.TIME: ColumnKind.TIME}


def column_of(field: UserField) -> Column:
    """Return the column of a field: `location` for `profile.location`."""
    text = ColumnKind.OPTIONAL_TEXT if field.default is None else ColumnKind.TEXT
    return Column(name=field.path[-1], kind=_KINDS.get(field.wire.reading, text), path=field.path)


_DERIVED: Final = Column(name="full_name", kind=ColumnKind.TEXT, path=("full_name",))
_OF_FIELDS: Final = tuple(map(column_of, FIELDS))
# A field of the profile has its last name: `location`, not `profile.location`.
COLUMNS: Final = (
    Column(name="id", kind=ColumnKind.TEXT, path=("id",)),
    *_OF_FIELDS,
    _DERIVED,
    Column(name="updated_at", kind=ColumnKind.TIME, path=("updated_at",)),
    Column(name="version", kind=ColumnKind.WHOLE_NUMBER, path=("version",)),
)
COLUMN_NAMES: Final = tuple(column.name for column in COLUMNS)


def row_of(user: RawUser) -> tuple[Any, ...]:
    """Return the values of a raw user, in the order of `COLUMNS`.

    Another client may have stored a value of another type. It is text in a column of texts, and None in any other
    column.
    """
    values = completed_fields(user)
    values["id"] = str(user["_id"])
    values["full_name"] = full_name(values["first_name"], values["last_name"])
    values["updated_at"], values["version"] = user.get("updated_at"), user.get("version") or 1
    return tuple(fit(leaf(values, path)) for path, fit in _FITTED)


def nested(values: Iterable[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """Return a record from values and their paths."""
    record: dict[str, Any] = {}
    for path, value in values:
        within = record
        for part in path[:-1]:
            within = within.setdefault(part, {})
        within[path[-1]] = value
    return record


def _text(value: Any) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _optional_text(value: Any) -> str | None:
    return value if value is None or type(value) is str else str(value)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _labels(value: Any) -> list[str]:
    return [each if type(each) is str else str(each) for each in value]


def _time(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _whole_number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


FITS: Final[Mapping[ColumnKind, Callable[[Any], Any]]] = {
    ColumnKind.TEXT: _text,
    ColumnKind.OPTIONAL_TEXT: _optional_text,
    ColumnKind.FLAG: _flag,
    ColumnKind.LABELS: _labels,
    ColumnKind.TIME: _time,
    ColumnKind.WHOLE_NUMBER: _whole_number,
}
_FITTED: Final = tuple((column.path, FITS[column.kind]) for column in COLUMNS)
