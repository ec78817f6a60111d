"""Every write of `users` that a test has made, and its fate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from bson import ObjectId
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from docustore.transient import is_transient


class Fate(StrEnum):
    """What the test knows of a write.

    `acknowledged`: a majority of the members has it. `unknown`: the connection ended before the answer.
    `rolled_back`: its member had it, and has lost it.
    """

    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"
    ROLLED_BACK = "rolled_back"


@dataclass(slots=True, kw_only=True)
class Write:
    """One write of one user.

    `mark` is the `last_name` that it sets; None: it deletes the user. Its cluster time is after `since` and not
    after `until`.
    """

    user_id: ObjectId
    version: int
    mark: str | None
    since: Timestamp
    until: Timestamp | None = None
    fate: Fate = Fate.UNKNOWN


@dataclass(slots=True)
class Journal:
    """All writes in the order in which they began."""

    writes: list[Write] = field(default_factory=list)

    def begin(
        self, session: AsyncClientSession, user_id: ObjectId, *, version: int, is_deletion: bool = False
    ) -> Write:
        """Note a write before it is made."""
        assert session.operation_time is not None
        mark = None if is_deletion else f"n{len(self.writes)}"
        write = Write(user_id=user_id, version=version, mark=mark, since=session.operation_time)
        self.writes.append(write)
        return write


@contextmanager
def acknowledged(session: AsyncClientSession, *writes: Write) -> Iterator[None]:
    """Note the results of the block's writes; a lost connection ends the block."""
    try:
        yield
    except PyMongoError as exc:
        if not is_transient(exc):
            raise
        return
    for write in writes:
        write.fate, write.until = Fate.ACKNOWLEDGED, session.operation_time
