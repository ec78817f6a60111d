"""Changes of the directory between two runs: new, changed, moved, deleted users."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any, Final

import msgspec

from docustore.demo.directory import Directory, Entry, Fields, entry_of, milliseconds

# Shares of the directory that one advance changes, at least three records of each kind.
NEW_SHARE: Final = 0.02
CHANGED_SHARE: Final = 0.03
MOVED_SHARE: Final = 0.005
DELETED_SHARE: Final = 0.005
MIN_OF_EACH: Final = 3
_MODIFIED_SPELLINGS: Final = ("modified_at", "modifiedAt", "updated_at", "updatedAt")

Change = Callable[[Fields, Random], Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Number of records of one advance, by kind."""

    new: int
    changed: int
    moved: int
    deleted: int


class Evolution:
    """A directory that changes: equal seeds and records give equal advances."""

    def __init__(self, directory: Directory, *, newcomers: Iterable[Entry], seed: int) -> None:
        self.directory = directory
        self._newcomers: Iterator[Entry] = iter(newcomers)
        self._seed = seed
        self._advances = 0

    def advance(self, *, now: datetime) -> Advance:
        """Change the directory; changed records are modified `now` (aware UTC)."""
        self._advances += 1
        # Not for secrets.
        random = Random(f"{self._seed}:advance:{self._advances}")  # noqa: S311
        counts = {
            change: max(MIN_OF_EACH, int(len(self.directory) * share))
            for change, share in ((_change, CHANGED_SHARE), (_move, MOVED_SHARE), (_delete, DELETED_SHARE))
        }
        live = _sample_of_live(self.directory.entries, sum(counts.values()), random)
        touched = {change: list(islice(live, count)) for change, count in counts.items()}
        arrived = list(islice(self._newcomers, max(MIN_OF_EACH, int(len(self.directory) * NEW_SHARE))))
        entries = [_dated(entry, now, _fields(entry)) for entry in arrived]
        for change, chosen in touched.items():
            entries += [_dated(entry, now, change(_fields(entry), random)) for entry in chosen]
        self.directory.replace(entries)
        return Advance(
            new=len(arrived),
            changed=len(touched[_change]),
            moved=len(touched[_move]),
            deleted=len(touched[_delete]),
        )


def _sample_of_live(entries: tuple[Entry, ...], count: int, random: Random) -> Iterator[Entry]:
    """Yield random records that a service can have loaded and that are not deleted."""
    # About three in four records qualify, so a double sample is enough. A small directory yields fewer.
    for entry in random.sample(entries, min(len(entries), count * 2)):
        fields = _fields(entry)
        if fields.get("id") and "@" in (fields.get("email") or "") and not fields.get("deleted"):
            yield entry


def _change(fields: Fields, random: Random) -> Fields:
    profile = fields.get("profile") or {}
    return fields | {
        "status": random.choice(("active", "inactive", "suspended", "enabled", "blocked")),
        "profile": profile | {"bio": f"Changed to {random.getrandbits(32):08x}."},
    }


def _move(fields: Fields, random: Random) -> Fields:
    local, _, _ = fields["email"].strip().partition("@")
    return fields | {"email": f"{local}.{random.getrandbits(24):06x}@moved.example.org"}


def _delete(fields: Fields, random: Random) -> Fields:
    del random
    return {"id": fields["id"], "deleted": True}


def _fields(entry: Entry) -> Fields:
    fields: dict[str, Any] = msgspec.json.decode(entry.raw)
    return fields


def _dated(entry: Entry, now: datetime, fields: Fields) -> Entry:
    undated = {name: value for name, value in fields.items() if name not in _MODIFIED_SPELLINGS}
    _, record_id, serial = entry.key
    return entry_of(undated | {"modified_at": now.isoformat()}, key=(milliseconds(now), record_id, serial))
