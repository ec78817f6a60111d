"""Notice fields that a source does not fill any more. Pure.

A field is usual if at least half of the sampled records of a run have a value in it; null is none. It is missing
in a later run if at most one of a hundred has. A run with few records tells neither, and tombstones do not count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from docustore.etl.records import ID_NAMES, MODIFIED_NAMES
from docustore.users.fields import FIELDS

# So many sampled records are enough to tell.
ENOUGH_RECORDS: Final = 20
_PREFERENCES: Final = ("profile", "preferences")


class MissingFields(BaseModel):
    """The usual fields of a source that a run lacked; empty = none."""

    run_id: str
    fields: list[str]


class FieldShares:
    """How many of the sampled records of a run have a value in each field.

    Names of one field count together: a source may begin to use another one.

    Args:
        usual: The usual fields of the runs before.
    """

    def __init__(self, usual: Iterable[str] = ()) -> None:
        self._usual = tuple(usual)
        self._records = 0
        self._filled: Counter[str] = Counter()

    @property
    def is_enough(self) -> bool:
        """Tell whether the run had enough records to tell anything."""
        return self._records >= ENOUGH_RECORDS

    def note(self, names: Iterable[str]) -> None:
        """Note a record by the names that have a value and that are read."""
        self._records += 1
        self._filled.update({_FIELD_OF.get(name, name) for name in names})

    def missing(self, is_read: Mapping[str, bool]) -> list[str]:
        """List the usual fields that this run lacks, without the parts of a missing one.

        Args:
            is_read: Whether each usual field is still read.
        """
        if not self.is_enough:
            return []
        found = [name for name in self._usual if is_read[name] and self._filled[name] * 100 <= self._records]
        return [name for name in found if not any(parent in found for parent in _parents(name))]

    def usual(self, is_read: Mapping[str, bool]) -> list[str]:
        """List the usual fields from now on; a missing one stays usual."""
        if not self.is_enough:
            return list(self._usual)
        own = {name for name, number in self._filled.items() if 2 * number >= self._records}
        kept = {name for name in self._usual if is_read[name] and self._filled[name] * 100 <= self._records}
        return sorted(own | kept)


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:number]) for number in range(1, len(parts)))


def _places(path: Sequence[str]) -> list[str]:
    """List where a record may have a field; a profile may hold preferences."""
    parents = [path[:-1], path[:1]] if tuple(path[:-1]) == _PREFERENCES else [path[:-1]]
    return ["".join(f"{part}." for part in parent) for parent in parents]


_FIELD_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(ID_NAMES, ID_NAMES[0]),
    **dict.fromkeys(MODIFIED_NAMES, MODIFIED_NAMES[0]),
    **{
        f"{place}{name}": field.name
        for field in FIELDS
        for place in _places(field.path)
        for name in field.wire_names
    },
}
