"""Read the header of a CSV table: its delimiter and its fields. Pure."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

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

Row = Sequence[str]
ToRecord = Callable[[Row], dict[str, object]]


class HeaderMalformedError(ValueError):
    """A header that names no columns of users; the message says why."""


def separator_line(line: str) -> str | None:
    """Return the delimiter that a line `sep=;` names; None for another line."""
    named = _SEPARATOR_LINE.fullmatch(line)
    return named.group(1) if named else None


def delimiter_of(header: str) -> str:
    """Return the delimiter that the header contains most often, outside quotes."""
    counts = Counter(_QUOTED.sub("", header))
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def header_of(line: str, *, delimiter: str, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the field of each column; the name of an unknown column stays as it is.

    Args:
        renamed: Fields by the names of their columns, from the settings.

    Raises:
        HeaderMalformedError: Two columns give one field, or none gives an id or an e-mail address.
    """
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as exc:
        raise HeaderMalformedError(f"the header is not a line of a CSV table: {exc}") from exc
    names = tuple(_field_of(cell.strip(), renamed) for cell in cells)
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        raise HeaderMalformedError(f"several columns give {', '.join(twice)}; rename all but one of them")
    if not {"email", *ID_NAMES} & set(names):
        raise HeaderMalformedError(
            "the first line names no column for an id or an e-mail address; name them in the setting `columns`"
        )
    return names


def record_of(names: Row) -> ToRecord:
    """Return a function that turns a row into a record; empty cells are left out."""
    profile = [(at, name) for at, name in enumerate(names) if name in PROFILE_WIRE_NAMES]
    others = [(at, name) for at, name in enumerate(names) if name and name not in PROFILE_WIRE_NAMES]

    def record(row: Row) -> dict[str, object]:
        values: dict[str, object] = {name: row[at] for at, name in others if row[at] != ""}
        if nested := {name: row[at] for at, name in profile if row[at] != ""}:
            values["profile"] = nested
        return values

    return record


def _field_of(column: str, renamed: Mapping[str, str]) -> str:
    name = _PROFILE_PREFIX.sub("", renamed.get(column, column))
    return name if name in _FIELDS else _BY_LETTERS.get(_letters(name), name)


def _letters(name: str) -> str:
    return _NOT_IN_A_NAME.sub("", name.casefold())


_FIELDS: Final = (*ID_NAMES, *MODIFIED_NAMES, *(name for field in FIELDS for name in field.wire_names), "deleted")
# `E-Mail`, `First Name` and `LAST_NAME` mean what they say. The first of several spellings is the preferred one.
_BY_LETTERS: Final = {**_ALIASES, **{_letters(name): name for name in reversed(_FIELDS)}}
