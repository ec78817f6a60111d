"""The effect `user_history`: one row per change, numbered by the position."""

from typing import Any, ClassVar, Final

from bson.int64 import Int64
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.bare_insert import insert_bare
from docustore.changes.effects.effect import Effect, Guarded, Rebuild, Rebuilt, Stamp, Write
from docustore.changes.effects.fields import ImageFields
from docustore.changes.events import Change
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.database import Database
from docustore.history.models import HISTORY, HistoryRow
from docustore.history.rows import cause_of, changed_fields, fitted, reduced, source_of

# A row holds at most four times its images: the after-image as bytes, and both images decoded, where each broken
# UTF-8 byte becomes three. Below this size a row or a command always fits into 16 MB without being measured;
# measuring every row would make a batch a third slower.
UNMEASURED_IMAGE_BYTES: Final = 3 * 1024 * 1024
# The place of a number: the first field of a row, as the server stores it.
UNNUMBERED: Final = Int64(0)
# Bounds the transaction that removes leftover rows.
DISCARDED_ROWS: Final = 5_000


class HistoryEffect(Effect):
    """Rows of a batch; they get their numbers when they are written."""

    name: ClassVar[str] = HISTORY
    # An update is compared in every field but the bookkeeping. Only `source_of` and `cause_of` read more.
    is_built_by_chunks: ClassVar[bool] = True
    fields: ClassVar[ImageFields] = ImageFields(
        before=frozenset({"version"}), after=frozenset({"cause", "updated_by", "version"})
    )

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[HistoryRow] = []
        self._image_bytes = 0

    def add(self, change: Change) -> None:
        """Append the row of a change."""
        self.rows.append(history_row(change))
        self._image_bytes += change.size_bytes

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        """Number the rows and insert them.

        Raises:
            OperationFailure: A number is taken: another client wrote to history.
        """
        if not self.rows:
            return
        number_rows(self.rows, last=stamp.seq)
        if self._image_bytes > UNMEASURED_IMAGE_BYTES:
            await database[HISTORY].insert_many(self.rows, session=session)  # type: ignore[arg-type]
            return
        await insert_bare(database, HISTORY, self.rows, session=session)

    @classmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:  # noqa: ARG003  # its chunks are complete
        """Do nothing: the chunks of a snapshot have written every row."""
        return Rebuilt()

    @classmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:  # noqa: ARG003  # never waits
        """Count the rows up to the committed number: none may be missing."""
        position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
        seq = 0 if position is None else int(position["seq"])
        rows = await database[HISTORY].count_documents({"_id": {"$gte": 1, "$lte": seq}})
        return [] if rows == seq else [f"history has {rows} rows up to number {seq}: {seq - rows} are missing"]

    @classmethod
    async def discard_unfinished(cls, database: Database, seq: int, guarded: Guarded) -> None:
        """Delete the rows beyond the committed number, in bounded ranges.

        Each range is one transaction that takes the fence.
        """
        last = await database[HISTORY].find_one({"_id": {"$gt": seq}}, {"_id": 1}, sort=[("_id", -1)])
        end = seq if last is None else last["_id"]
        for start in range(seq, end, DISCARDED_ROWS):
            await guarded(_deletion(database, {"$gt": start, "$lte": start + DISCARDED_ROWS}))


def _deletion(database: Database, numbers: dict[str, Any]) -> Write:
    async def delete(session: AsyncClientSession) -> None:
        await database[HISTORY].delete_many({"_id": numbers}, session=session)

    return delete


def number_rows(rows: list[HistoryRow], *, last: int) -> None:
    """Give the rows dense numbers up to `last`.

    In place and repeatable: a transaction that the driver repeats may number them anew.
    """
    for number, row in enumerate(rows, last - len(rows) + 1):
        row["_id"] = Int64(number)


def history_row(change: Change) -> HistoryRow:
    """Build the row of a change from the stream or from a comparison.

    It has no number yet. Equal images give equal `changes`, `after`, `omitted`, `source` and `cause`.
    """
    before, after = change.before, change.after
    source = source_of(before, after)
    row: HistoryRow = {
        "_id": UNNUMBERED,
        "event_id": change.event_id,
        "operation": change.operation.value,
        "user_id": change.user_id,
        "changes": changed_fields(before, after) if change.is_before_known else {},
        "after": change.after_raw,
        "valid_from": change.wall_time,
        "cluster_time": change.cluster_time,
        "source": source,
    }
    if (cause := cause_of(after, source=source)) is not None:
        row["cause"] = cause
    for name in change.unchecked:
        row["changes"].pop(name, None)
    if not change.is_after_known:
        row["approximate"] = True
    if change.is_reduced:
        return reduced(row)
    return fitted(row) if change.size_bytes > UNMEASURED_IMAGE_BYTES else row
