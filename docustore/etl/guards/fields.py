"""Notice fields that a source has begun to send, or sends no more. Pure.

Unread fields are keys that docustore does not read. A source may begin to send a field under another name, and the
old name is then missing in all of its records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from docustore.etl.guards.usual_fields import FieldShares
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
        usual: The usual fields of earlier runs; see `docustore.etl.guards.usual_fields`.
    """

    def __init__(
        self,
        mode: NewFields = NewFields.EVOLVE,
        *,
        known: Iterable[str] | None = None,
        approved: Iterable[str] = (),
        mapped: Iterable[str] = (),
        usual: Iterable[str] = (),
    ) -> None:
        self._mode = mode
        self._is_first = known is None
        self._mapped = frozenset(mapped)
        self._known = frozenset((*(known or ()), *approved))
        self._found: dict[str, None] = {}
        self._usual = () if mode is NewFields.EVOLVE else tuple(usual)
        self._shares = FieldShares(self._usual)

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

    @property
    def has_enough(self) -> bool:
        """Tell whether the run had enough records to know `usual` and `missing`.

        With `evolve` none are needed.
        """
        return self._mode is NewFields.EVOLVE or self._shares.is_enough

    @property
    def usual(self) -> list[str]:
        """The usual fields of the source after this run; none with `evolve`."""
        if self._mode is NewFields.EVOLVE:
            return []
        return self._shares.usual(self._reading)[:MAX_FIELDS]

    @property
    def missing(self) -> list[str]:
        """The usual fields that are read, and that this run lacks."""
        return self._shares.missing(self._reading)

    @property
    def _reading(self) -> dict[str, bool]:
        return {name: self._is_read(name) for name in self._usual}

    def _is_read(self, name: str) -> bool:
        # A key may contain dots itself, such as `Personal-Nr.`.
        return name in _READ or name in self._mapped or name.partition(".")[0] in self._mapped

    def refused(self, records: Sequence[bytes]) -> tuple[str, ...]:
        """Look at a page; return its new fields if they must not be loaded."""
        is_frozen = self._mode is NewFields.FREEZE
        parsed = list(_parsed(records if is_frozen else records[:SAMPLED_RECORDS]))
        self._note_values(parsed[:SAMPLED_RECORDS])
        found = _names_of(parsed)
        room = MAX_FIELDS - len(self._found)
        self._found.update(dict.fromkeys([name for name in found if name not in self._found][: max(0, room)]))
        if not is_frozen or self._is_first:
            return ()
        return tuple(name for name in found if name not in self._known)

    def _note_values(self, parsed: Iterable[Mapping[str, Any]]) -> None:
        if self._mode is NewFields.EVOLVE:
            return
        for record in parsed:
            # A tombstone needs no field beside its id.
            if not record.get("deleted"):
                entries = _entries(record, _PARTS)
                self._shares.note(name for name, value in entries if value is not None and self._is_read(name))


def fields_of(records: Iterable[bytes]) -> dict[str, None]:
    """List the fields of some records, such as `profile.bio`, as they first appear."""
    return _names_of(_parsed(records))


def _names_of(parsed: Iterable[Mapping[str, Any]]) -> dict[str, None]:
    return dict.fromkeys(name for record in parsed for name, _ in _entries(record, _PARTS))


def _parsed(records: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for raw in records:
        try:
            record = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _entries(record: Mapping[str, Any], parts: Sequence[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        yield f"{prefix}{name}"[:MAX_NAME_CHARS], value
        if parts and name == parts[0] and isinstance(value, dict):
            yield from _entries(value, parts[1:], f"{prefix}{name}.")
