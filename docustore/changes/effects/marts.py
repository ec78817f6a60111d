"""The effect `user_stats`: the live marts, moved by every change."""

from dataclasses import asdict
from typing import Any, ClassVar, Final

from bson.int64 import Int64
from pymongo import DeleteMany, InsertOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.marts import STATS, TOTALS_ID, UserMarts, registrations_by_document, share_of
from docustore.analytics.reconcile import marts_at, reconcile
from docustore.changes.effects.effect import Effect, Rebuild, Rebuilt, Stamp
from docustore.changes.effects.fields import ImageFields
from docustore.changes.events import Change
from docustore.database import Database
from docustore.history.rows import Image

# All that `share_of` reads; an update that leaves them alone moves no mart.
_COUNTED_FIELDS: Final = ("status", "created_at", "deleted_at")


class UserMartsEffect(Effect):
    """The difference that a batch makes to the marts."""

    name: ClassVar[str] = STATS
    fields: ClassVar[ImageFields] = ImageFields.of(*_COUNTED_FIELDS)

    def __init__(self) -> None:
        super().__init__()
        self.marts = UserMarts()

    def add(self, change: Change) -> None:
        """Count the state before out and the state after in.

        A change whose state before is unknown is not counted: a guess would be wrong silently, and a reconcile
        shows what is missing.
        """
        before, after = change.before, change.after
        if not change.is_before_known or (before and after and _counts_the_same(before, after)):
            return
        share_before = None if before is None else share_of(before)
        share_after = None if after is None else share_of(after)
        if share_before == share_after:
            return
        if share_before is not None:
            self.marts.add(share_before, -1)
        if share_after is not None:
            self.marts.add(share_after, 1)

    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        """Add the difference and stamp the totals; an idle position only moves the stamp."""
        await database[STATS].bulk_write(_increments(self.marts, stamp), session=session)

    @classmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:
        """Compute all marts by aggregation; the final transaction replaces them."""
        marts = await marts_at(rebuild.database, rebuild.cluster_time)

        async def replace(database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
            await replace_marts(database, marts, stamp, session)

        return Rebuilt(write=replace)

    @classmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:
        """Compare every figure with a full aggregation."""
        difference = await reconcile(database, timeout_s=timeout_s)
        return [
            f"mart {name} says {pair.mart}, the collection {pair.actual}"
            for name, pair in difference.figures.items()
        ]


async def replace_marts(database: Database, marts: UserMarts, stamp: Stamp, session: AsyncClientSession) -> None:
    """Replace all marts."""
    totals: dict[str, Any] = {
        "_id": TOTALS_ID,
        "total": marts.total,
        "dated": marts.dated,
        "created_at_sum_s": Int64(marts.created_at_sum_s),
        "by_status": marts.by_status,
        **_stamp(stamp),
    }
    by_year = registrations_by_document(marts)
    documents = [totals, *({"_id": year, "days": days} for year, days in by_year.items())]
    inserts = (InsertOne(document) for document in documents)
    operations: list[DeleteMany | InsertOne[dict[str, Any]]] = [DeleteMany({}), *inserts]
    await database[STATS].bulk_write(operations, session=session)


def marts_increments(marts: UserMarts) -> dict[str, dict[str, Any]]:
    """Write a difference of marts as `$inc` operands by document of `user_stats`.

    Shape: `{"users": {"total": 1, "by_status.active": 1, ...}, "registrations:2024": {"days.0501": 1}}`; `users`
    is always there, zeros are left out. Every path consists of fixed words and digits.
    """
    figures = {"total": marts.total, "dated": marts.dated, "created_at_sum_s": Int64(marts.created_at_sum_s)}
    totals = {name: count for name, count in figures.items() if count}
    totals |= {f"by_status.{status}": count for status, count in marts.by_status.items() if count}
    by_year = {
        document: {f"days.{day}": count for day, count in days.items()}
        for document, days in registrations_by_document(marts).items()
    }
    return {"users": totals, **by_year}


def _increments(marts: UserMarts, stamp: Stamp) -> list[UpdateOne]:
    operations = []
    for document, increments in marts_increments(marts).items():
        update: dict[str, Any] = {"$inc": increments} if increments else {}
        if document == TOTALS_ID:
            update["$set"] = _stamp(stamp)
            if not stamp.partitions:
                # Of a layout with partitions, before this one.
                update["$unset"] = {"partitions": ""}
        # Not created for a stamp alone: readers expect the figures in every document.
        operations.append(UpdateOne({"_id": document}, update, upsert=bool(increments)))
    return operations


def _stamp(stamp: Stamp) -> dict[str, Any]:
    fields = {"as_of": stamp.as_of, "cluster_time": stamp.cluster_time, "is_exact": stamp.is_exact}
    if not stamp.partitions:
        return fields
    return {**fields, "partitions": [asdict(each) for each in stamp.partitions]}


def _counts_the_same(before: Image, after: Image) -> bool:
    return _counted(before) == _counted(after)


def _counted(image: Image) -> list[object]:
    return [image.get(name) for name in _COUNTED_FIELDS]
