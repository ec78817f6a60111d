"""The effect `outbox`: one row per change and destination that wants it.

Without destinations it writes nothing. Which destinations exist is read in the transaction. A command that changes
them gives them a new mark in the positions, so each batch is before or after it, and reads them only once.
"""

from typing import ClassVar, Final

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.bare_insert import insert_bare
from docustore.changes.effects.effect import Effect, Rebuild, Rebuilt, Stamp
from docustore.changes.effects.fields import ImageFields
from docustore.changes.events import Change
from docustore.changes.subscriptions import OUTBOX, Subscription, enabled_subscriptions, outbox_rows
from docustore.database import Database

# Rows of one command: the server takes 48 MB, a row has 300 bytes and the id of its user.
ROWS_PER_COMMAND: Final = 10_000
# By their mark, which no other destinations ever have.
_KNOWN: Final[dict[ObjectId, list[Subscription]]] = {}
_MAX_KNOWN: Final = 16


class OutboxEffect(Effect):
    """The changes of a batch, until their rows are written."""

    name: ClassVar[str] = OUTBOX
    # A destination starts at a number of its own.
    needs_build: ClassVar[bool] = False
    # Also the changes that a comparison finds after a lost position are told.
    is_built_by_chunks: ClassVar[bool] = True
    fields: ClassVar[ImageFields] = ImageFields.of("deleted_at", "status")

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def add(self, change: Change) -> None:
        """Keep the change: only `write` knows who wants it."""
        self.changes.append(change)

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        """Insert the rows, in one command for up to 10,000 of them.

        Raises:
            OperationFailure: A row exists: `outbox` belongs to another history.
        """
        if not self.changes:
            return
        subscriptions = await _subscriptions(database, stamp, session)
        if not subscriptions:
            return
        rows = outbox_rows(self.changes, subscriptions, first=stamp.seq - len(self.changes) + 1)
        for start in range(0, len(rows), ROWS_PER_COMMAND):
            await insert_bare(database, OUTBOX, rows[start : start + ROWS_PER_COMMAND], session=session)

    @classmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:  # noqa: ARG003  # its chunks are complete
        """Do nothing: the chunks of a snapshot have written every row."""
        return Rebuilt()

    @classmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:  # noqa: ARG003  # no copy of users
        """Find nothing: the rows are no copy of `users`."""
        return []


async def _subscriptions(database: Database, stamp: Stamp, session: AsyncClientSession) -> list[Subscription]:
    mark = stamp.destinations
    if mark is not None and (known := _KNOWN.get(mark)) is not None:
        return known
    read = await enabled_subscriptions(database, session)
    if mark is not None:
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        # Mark and destinations are of one state, also if this transaction is taken back.
        _KNOWN[mark] = read
    return read
