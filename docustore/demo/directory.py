"""The user directory of the demonstration's upstream service.

Records are encoded once and stored in the order of the protocol, (modified_at, id). So a page is one search and
one join. A changed record gets the current time and moves to the end, as in a real system.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

EPOCH: Final = datetime.fromtimestamp(0, UTC)
# Milliseconds since 1970, the id of the record, and a number that separates records of one id.
Key = tuple[int, str, int]
Fields = dict[str, Any]


class CursorMalformedError(ValueError):
    """A cursor that this directory did not create."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record: its sort key and its JSON."""

    key: Key
    raw: bytes


def entry_of(fields: Fields, *, key: Key) -> Entry:
    """Encode a record."""
    return Entry(key=key, raw=msgspec.json.encode(fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryPage:
    """Consecutive records; `next_cursor` is None on the last page."""

    records: tuple[bytes, ...]
    next_cursor: str | None


class Directory:
    """Records in the order of (modified_at, id)."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._arrange(entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All records, in order."""
        return tuple(self._entries)

    def page(
        self, *, since: datetime | None, until: datetime | None, cursor: str | None, limit: int
    ) -> DirectoryPage:
        """Return the next records modified in [since, until).

        A record that changes between two pages moves behind the cursor, so it is read later and never missed.

        Raises:
            CursorMalformedError: This directory did not create the cursor.
        """
        start = 0 if since is None else bisect_left(self._keys, (milliseconds(since), "", 0))
        if cursor:
            start = max(start, bisect_right(self._keys, decode_cursor(cursor)))
        end = len(self._keys) if until is None else bisect_left(self._keys, (milliseconds(until), "", 0))
        stop = min(end, start + limit)
        records = tuple(entry.raw for entry in self._entries[start:stop])
        next_cursor = encode_cursor(self._keys[stop - 1]) if start < stop < end else None
        return DirectoryPage(records=records, next_cursor=next_cursor)

    def replace(self, entries: Iterable[Entry]) -> None:
        """Add entries; an entry replaces the one with the same id and number."""
        changed = {entry.key[1:]: entry for entry in entries}
        kept = [entry for entry in self._entries if entry.key[1:] not in changed]
        self._arrange([*kept, *changed.values()])

    def _arrange(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.key)
        self._keys = [entry.key for entry in self._entries]


def milliseconds(moment: datetime) -> int:
    """Count whole milliseconds since 1970, rounded down."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def encode_cursor(key: Key) -> str:
    """Return an opaque, URL-safe text."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str) -> Key:
    """Reverse `encode_cursor`.

    Raises:
        CursorMalformedError: This directory did not create the cursor.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key: Key = msgspec.json.decode(urlsafe_b64decode(padded), type=Key)
    except (ValueError, msgspec.DecodeError) as exc:
        raise CursorMalformedError("unknown cursor: start again without one") from exc
    return key
