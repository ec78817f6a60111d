"""Notice fields of records that the source did not have before. Pure.

Unread fields are keys that docustore does not read. A source may begin to send a field under another name, and the
old name is then missing in all of its records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from docustore.etl.records import ID_NAMES, MODIFIED_NAMES, fields_at
from docustore.source_options.limits import NewFields

# Of each page. A field that few records have is found when one of them is among these.
SAMPLED_RECORDS: Final = 20
# A record whose keys are data, such as dates, must not fill the document of its source.
MAX_FIELDS: Final = 500
MAX_NAME_CHARS: Final = 100
_PARTS: Final = ("profile", "preferences")
_decoder: Final = msgspec.json.Decoder()


def _names_at(*path: str) -> frozenset[str]:
    return frozenset(name for field in fields_at(*path) for name in field.wire_names)


_PREFERENCES: Final = _names_at("profile", "preferences")
_READ: Final = frozenset(
    (
        *ID_NAMES,
        *MODIFIED_NAMES,
        "deleted",
        "profile",
        *_names_at(),
        "profile.preferences",
        *(f"profile.{name}" for name in (*_names_at("profile"), *_PREFERENCES)),
        *(f"profile.preferences.{name}" for name in _PREFERENCES),
    )
)


class FieldWatch:
    """The fields that a run has found.

    Args:
        known: The fields of earlier runs; None if there was none.
        approved: New fields that a person approved.
        mapped: Keys that the mapping of the source reads, beside the declared names.
    """

    def __init__(
        self,
        mode: NewFields = NewFields.EVOLVE,
        *,
        known: Iterable[str] | None = None,
        approved: Iterable[str] = (),
        mapped: Iterable[str] = (),
    ) -> None:
        self._mode = mode
        self._is_first = known is None
        self._mapped = frozenset(mapped)
        self._known = frozenset((*(known or ()), *approved))
        self._found: dict[str, None] = {}

    @property
    def known(self) -> list[str]:
        """All fields of the source, those of this run too."""
        return sorted((*self._known, *self.found))[:MAX_FIELDS]

    @property
    def found(self) -> list[str]:
        """All fields of this run that no earlier run had."""
        return [name for name in self._found if name not in self._known]

    @property
    def unread(self) -> list[str]:
        """Those of `found` that nothing reads; none with `evolve`."""
        return [] if self._mode is NewFields.EVOLVE else [name for name in self.found if not self._is_read(name)]

    def _is_read(self, name: str) -> bool:
        return name in _READ or name.partition(".")[0] in self._mapped

    def refused(self, records: Sequence[bytes]) -> tuple[str, ...]:
        """Look at a page; return its new fields if they must not be loaded."""
        is_frozen = self._mode is NewFields.FREEZE
        found = fields_of(records if is_frozen else records[:SAMPLED_RECORDS])
        room = MAX_FIELDS - len(self._found)
        self._found.update(dict.fromkeys([name for name in found if name not in self._found][: max(0, room)]))
        if not is_frozen or self._is_first:
            return ()
        return tuple(name for name in found if name not in self._known)


def fields_of(records: Iterable[bytes]) -> dict[str, None]:
    """List the fields of some records, such as `profile.bio`, as they first appear."""
    found: dict[str, None] = {}
    for raw in records:
        try:
            record = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            found.update(dict.fromkeys(_names(record, _PARTS)))
    return found


def _names(record: Mapping[str, Any], parts: Sequence[str], prefix: str = "") -> Iterator[str]:
    for name, value in record.items():
        yield f"{prefix}{name}"[:MAX_NAME_CHARS]
        if parts and name == parts[0] and isinstance(value, dict):
            yield from _names(value, parts[1:], f"{prefix}{name}.")
