"""Read the header of a CSV table: its delimiter and its fields. Pure."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from docustore.etl.mapping.settings import FieldMap, keys_read, names_replaced
from docustore.etl.records import ID_NAMES, MODIFIED_NAMES
from docustore.users.fields import FIELDS, PROFILE_WIRE_NAMES

DELIMITERS: Final = (",", ";", "\t", "|")
# Excel writes this line before the header, to name the delimiter.
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\s*")
_QUOTED: Final = re.compile(r'"[^"]*"')
_NOT_IN_A_NAME: Final = re.compile(r"[\W_]+")
_PROFILE_PREFIX: Final = re.compile(r"^(?:profile\.)?(?:preferences\.)?")
# Names of people's exports for the fields that every directory has.
_ALIASES: Final = {
    "emailaddress": "email",
    "mail": "email",
    "givenname": "first_name",
    "forename": "first_name",
    "surname": "last_name",
    "familyname": "last_name",
}

_EMAILS: Final = frozenset({"email"})
_IDS: Final = frozenset(ID_NAMES)

Row = Sequence[str]
ToRecord = Callable[[Row], dict[str, object]]


class HeaderMalformedError(ValueError):
    """A header that names no columns of users; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNames:
    """Which columns keep their own names, because a mapping gives the fields.

    `kept` are the columns that the mapping reads; None keeps all, and wants none. `replaced` are the names that no
    longer count. Of each set of `mapped`, the table must have one column. `emails` and `ids` are the columns that
    can give an e-mail address and an id; the table must have one of them.
    """

    kept: frozenset[str] | None = frozenset()
    replaced: frozenset[str] = frozenset()
    mapped: tuple[frozenset[str], ...] = ()
    emails: frozenset[str] = _EMAILS
    ids: frozenset[str] = _IDS

    @classmethod
    def of(cls, fields: Mapping[str, FieldMap]) -> "ColumnNames":
        """Take the names from a mapping."""
        return cls(
            kept=keys_read(*fields.values()),
            replaced=names_replaced(fields),
            mapped=tuple(keys_read(field) for field in fields.values() if field.source and field.default is None),
            emails=keys_read(fields.get("email")) or _EMAILS,
            ids=keys_read(fields.get("id")) or _IDS,
        )

    def name_of(self, column: str) -> str:
        """Return the name of a column in the records."""
        if self.kept is None or column in self.kept:
            return column
        field = _field_of(column)
        return column if field in self.replaced else field


def separator_line(line: str) -> str | None:
    """Return the delimiter that a line `sep=;` names; None for another line."""
    named = _SEPARATOR_LINE.fullmatch(line)
    return named.group(1) if named else None


def delimiter_of(header: str) -> str:
    """Return the delimiter that the header contains most often, outside quotes."""
    counts = Counter(_QUOTED.sub("", header))
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def header_of(line: str, *, delimiter: str, naming: ColumnNames) -> tuple[str, ...]:
    """Return the field of each column; the name of an unknown column stays as it is.

    Raises:
        HeaderMalformedError: Two columns give one field, or a column is missing.
    """
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as exc:
        raise HeaderMalformedError(f"the header is not a line of a CSV table: {exc}") from exc
    columns = [cell.strip() for cell in cells]
    names = tuple(map(naming.name_of, columns))
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        raise HeaderMalformedError(f"several columns give {', '.join(twice)}; rename all but one of them")
    for mapped in naming.mapped:
        # Without its column, a field would get its default: all users would be active.
        if mapped.isdisjoint(names):
            missing = " or ".join(sorted(mapped))
            raise HeaderMalformedError(f"the table has no column {missing}, which the setting `map` names")
    if naming.kept is not None and not set(names).intersection(naming.emails | naming.ids):
        raise HeaderMalformedError(
            "the first line names no column for an id or an e-mail address; name them in the setting `map`, which "
            "`docustore etl init` proposes"
        )
    return names


def record_of(names: Row, *, kept: Collection[str] | None = ()) -> ToRecord:
    """Return a function that turns a row into a record; empty cells are left out.

    Columns that nothing reads stay, also with empty cells: the run lists them (`docustore.etl.unread`).

    Args:
        kept: The columns that a mapping reads by their own names; None keeps all names.
    """
    own = frozenset(names if kept is None else kept)
    in_profile = PROFILE_WIRE_NAMES.difference(own)
    profile = [(at, name) for at, name in enumerate(names) if name in in_profile]
    others = [(at, name) for at, name in enumerate(names) if name and name not in in_profile]
    unread = {name for _, name in others}.difference(_FIELDS, own)

    def record(row: Row) -> dict[str, object]:
        values: dict[str, object] = {name: row[at] for at, name in others if row[at] != "" or name in unread}
        if nested := {name: row[at] for at, name in profile if row[at] != ""}:
            values["profile"] = nested
        return values

    return record


def _field_of(column: str) -> str:
    name = _PROFILE_PREFIX.sub("", column)
    return name if name in _FIELDS else _BY_LETTERS.get(_letters(name), name)


def _letters(name: str) -> str:
    return _NOT_IN_A_NAME.sub("", name.casefold())


_FIELDS: Final = (*ID_NAMES, *MODIFIED_NAMES, *(name for field in FIELDS for name in field.wire_names), "deleted")
# `E-Mail`, `First Name` and `LAST_NAME` mean what they say. The first of several spellings is the preferred one.
_BY_LETTERS: Final = {**_ALIASES, **{_letters(name): name for name in reversed(_FIELDS)}}
