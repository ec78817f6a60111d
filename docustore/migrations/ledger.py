"""The records of migrations in `schema_migrations`: one document per number.

A record says what was done, by whom, and how far it is. The document with the id `lease` belongs to
`docustore.migrations.lease`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from docustore.database import Database, Document
from docustore.migrations.migration import Direction

SCHEMA_MIGRATIONS: Final = "schema_migrations"
# More conflicts are counted and not listed.
LISTED_CONFLICTS: Final = 1000


class State(StrEnum):
    """The state of a record; the first two are in progress."""

    APPLYING = "applying"
    REVERTING = "reverting"
    APPLIED = "applied"
    REVERTED = "reverted"


IN_PROGRESS: Final = {Direction.UP: State.APPLYING, Direction.DOWN: State.REVERTING}
DONE: Final = {Direction.UP: State.APPLIED, Direction.DOWN: State.REVERTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The documents of one migration in one direction.

    `conflicts` are documents that stay as they are; `lost_races` are batches that were repeated because another
    write came first.
    """

    read: int = 0
    changed: int = 0
    conflicts: int = 0
    lost_races: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A document that needs a person: its id, the reason, the document in the way."""

    id: Any
    code: str
    other: Any = None

    def as_document(self) -> Document:
        """Return the stored form."""
        return {"id": self.id, "code": self.code, "other": self.other}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One migration as the store knows it.

    `checkpoint` is the last `_id` of the current pass. `duration_s` is the time of work, without interruptions.
    """

    number: int
    name: str
    state: State
    checksum: str
    by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float = 0.0
    starts: int = 0
    counts: Counts = field(default_factory=Counts)
    conflicts: tuple[Conflict, ...] = ()
    checkpoint: Any = None
    passes: int = 1
    changed_in_pass: int = 0

    @property
    def is_in_store(self) -> bool:
        """True if some documents may have the shape of this migration."""
        return self.state is not State.REVERTED

    @property
    def direction(self) -> Direction:
        """The direction of the last run."""
        return Direction.UP if self.state in {State.APPLYING, State.APPLIED} else Direction.DOWN


async def read_records(database: Database) -> dict[int, Record]:
    """Read all records by number."""
    rows = database[SCHEMA_MIGRATIONS].find({"_id": {"$type": "number"}}).sort("_id", 1)
    return {row["_id"]: record_of(row) async for row in rows}


def record_of(row: Mapping[str, Any]) -> Record:
    """Parse a stored record."""
    known = Record.__dataclass_fields__
    plain = {name: value for name, value in row.items() if name in known}
    return Record(
        **{
            **plain,
            "number": row["_id"],
            "state": State(row["state"]),
            "counts": Counts(
                **{n: v for n, v in row.get("counts", {}).items() if n in Counts.__dataclass_fields__}
            ),
            "conflicts": _conflicts(row.get("conflicts", ())),
        }
    )


def newest_in_store(records: Iterable[Record]) -> int:
    """Return the greatest number whose shape the store may have; 0 for none."""
    return max((record.number for record in records if record.is_in_store), default=0)


def _conflicts(rows: Iterable[Mapping[str, Any]]) -> tuple[Conflict, ...]:
    return tuple(Conflict(id=row["id"], code=row["code"], other=row.get("other")) for row in rows)
