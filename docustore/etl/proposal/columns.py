"""The columns of a sample: every path of its records, with the values. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docustore.etl.mapping.key_path import path_of
from docustore.etl.proposal.words import letters

MAX_DEPTH: Final = 4
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# So many of the values must look alike; the rest may be dirt.
MOST: Final = 0.8


@dataclass(frozen=True, slots=True)
class Column:
    """One path of the records, and the values that the sample has there.

    Values are trimmed texts, or other JSON values; missing ones and empty texts are left out.
    """

    parts: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def path(self) -> str:
        """The path as a setting writes it."""
        return path_of(*self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The letters of the last part, and of all parts."""
        last, whole = letters(self.parts[-1]), letters("".join(self.parts))
        return (last,) if last == whole else (last, whole)

    @property
    def texts(self) -> list[str]:
        """The values that are texts."""
        return [value for value in self.values if isinstance(value, str)]

    @property
    def emails(self) -> int:
        """How many values are e-mail addresses."""
        return sum(_EMAIL.fullmatch(text) is not None for text in self.texts)

    @property
    def looks_like_emails(self) -> bool:
        """Tell whether most of the values are e-mail addresses."""
        return self.emails > 0 and self.emails >= MOST * len(self.values)

    @property
    def words(self) -> list[str]:
        """The different values, as texts in lower case, in the order of the sample."""
        return list(
            dict.fromkeys(str(value).casefold() for value in self.values if not isinstance(value, dict | list))
        )

    def is_unique(self, records: int) -> bool:
        """Tell whether every record has a value, and no two have the same one."""
        return len(self.values) == records and len({str(value) for value in self.values}) == records


def columns_of(records: Iterable[Mapping[str, Any]]) -> list[Column]:
    """List the columns in the order in which the records have them."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for record in records:
        for parts, value in _leaves(record):
            values = found.setdefault(parts, [])
            given = value.strip() if isinstance(value, str) else value
            if given not in (None, "", [], {}):
                values.append(given)
    return [Column(parts, tuple(values)) for parts, values in found.items()]


def _leaves(record: Mapping[str, Any], *parts: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in record.items():
        if not name:
            continue
        path = (*parts, name)
        if isinstance(value, Mapping) and len(path) < MAX_DEPTH:
            yield from _leaves(value, *path)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping) and len(path) < MAX_DEPTH:
            # Such as `emails: [{"value": ...}]`.
            yield from _leaves(value[0], *path, "0")
        else:
            yield path, value
