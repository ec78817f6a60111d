"""The plan of a batch: an outcome of each record, and writes to users. Pure."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bson import ObjectId

from docustore.users.fields import Values
from docustore.users.stored import RawUser


class Outcome(StrEnum):
    """The outcome of one record; each is a field of the run's counts."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DEACTIVATED = "deactivated"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserWrite:
    """One write to one user.

    `before` is None for an insert. `fields` is None for a delete: the user has no identity left. `records` are the
    indexes of the records that caused the write. `new_id` is the id of a new user that has late versions; any
    other new user gets its id from the driver.
    """

    before: RawUser | None
    fields: dict[str, Any] | None
    records: frozenset[int]
    new_id: ObjectId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The writes to users that exchange identities; all of them succeed, or none.

    `records` may have more indexes than the writes: a record may have changed only a user that existed within the
    batch, before another record moved its identity on.
    """

    writes: list[UserWrite]
    records: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateVersion:
    """A version of a record that is not the newest of its user.

    See `docustore.etl.late`. `user_id` is the user that has the identity after the batch. `mark` orders the
    versions of one time. `values` is None for an end.
    """

    user_id: Any
    key: str
    at: datetime
    mark: str
    values: Values | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """The writes of a batch, and the outcome of each record after them.

    `writes` change one user each and do not depend on each other. `tombstones` maps the keys of identities that
    the store does not know to the times of their ends. `late` are the versions that no write shows.
    """

    writes: list[UserWrite]
    moves: list[Move]
    outcomes: list[Outcome]
    tombstones: dict[str, list[datetime]]
    late: list[LateVersion]

    def new_users(self, *, without: Container[int] = ()) -> frozenset[ObjectId]:
        """Return the ids of the users that the plan inserts.

        Only users with late versions have an id before their insertion.

        Args:
            without: Leaves out the users that one of these records caused.
        """
        writes = (*self.writes, *(write for move in self.moves for write in move.writes))
        return frozenset(
            write.new_id
            for write in writes
            if write.new_id is not None and not any(index in without for index in write.records)
        )
