"""The derived effect `user_analytics`: shares of users, and counters.

A share says what a user counts for. A share that changes moves the counters by the difference between the stored
share and the new one, in the transaction that stores it. Changes of status are counted from the rows of history.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from bson.timestamp import Timestamp
from pymongo import DeleteMany, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.cube.counts import SERIES, VALUES, CubeCounts, Increments
from docustore.analytics.cube.moving import Ids, heavy, moved
from docustore.analytics.cube.share import (
    ANALYTICS_VERSION,
    SHARE_FIELDS,
    USER_ANALYTICS,
    gone_share,
    share_of,
    share_of_gone,
)
from docustore.analytics.cube.stored import wrong_counters
from docustore.analytics.cube.transitions import (
    ROW_FILTER,
    ROW_PROJECTION,
    TRANSITION,
    transition_increments,
)
from docustore.changes.derived.derivation import Replacement
from docustore.changes.derived.historic import HistoricEffect, Row
from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES
from docustore.history.rows import Image

_SHOWN_DIFFERENCES: Final = 10


class UserAnalyticsEffect(HistoricEffect):
    """One share per user that ever was, also of removed ones."""

    name: ClassVar[str] = USER_ANALYTICS
    version: ClassVar[int] = ANALYTICS_VERSION
    collection: ClassVar[str] = USER_ANALYTICS
    fields = SHARE_FIELDS
    row_filter: ClassVar[Mapping[str, Any]] = ROW_FILTER
    row_projection: ClassVar[Mapping[str, Any]] = ROW_PROJECTION

    def state_of(self, user: Image) -> Document | None:
        """Make the share of a user; see `docustore.analytics.cube.share`."""
        return dict(share_of(user))

    def state_of_gone(self, last: Image, *, ended_at: datetime) -> Document | None:
        """Make the share of a removed user."""
        return dict(share_of_gone(last, ended_at=ended_at))

    def state_of_unknown(self, before: Document | None) -> Document | None:
        """Keep what a removed user counted for, where history was shortened."""
        return None if before is None else gone_share(before)

    async def write(
        self, database: Database, replacements: Sequence[Replacement], session: AsyncClientSession
    ) -> None:
        """Write the shares that differ, and move the counters by the difference."""
        counts = CubeCounts()
        for each in replacements:
            counts.add(each.before, -1)
            counts.add(each.after, 1)
        values: dict[Ids, Increments] = {(("d", d), ("v", v)): own for (d, v), own in counts.values().items()}
        await _increment(database, VALUES, values, session)
        await _increment(database, SERIES, _series_ids(counts.series()), session)
        await super().write(database, replacements, session)

    async def write_rows(self, database: Database, rows: Sequence[Row], session: AsyncClientSession) -> None:
        """Count the changes of status."""
        await _increment(database, SERIES, _series_ids(transition_increments(rows)), session)

    async def forget_rows(self, database: Database, session: AsyncClientSession) -> None:
        """Remove all counted changes of status."""
        await database[SERIES].delete_many(
            {"_id": {"$gte": {"d": TRANSITION}, "$lt": {"d": f"{TRANSITION}\x00"}}}, session=session
        )

    async def differences(self, database: Database, at: Timestamp) -> list[str]:
        """Count all shares and rows again and compare every counter."""
        find = {"find": EFFECT_STATES, "filter": {"_id": self.name}}
        async with database.client.start_session(causal_consistency=False) as session:
            concern = {"level": "snapshot", "atClusterTime": at}
            reply = await database.command({**find, "readConcern": concern}, session=session)
        [state] = reply["cursor"]["firstBatch"]
        wrong = await wrong_counters(database, at, seq=state["seq"])
        return [
            f"analytics counts {counted} for {_shown(name)}, the users say {right}"
            for name, (counted, right) in list(wrong.items())[:_SHOWN_DIFFERENCES]
        ]


def _shown(name: tuple[str, ...]) -> str:
    return " ".join(part for part in name if part)


def _series_ids(series: Mapping[tuple[str, str, str], Increments]) -> dict[Ids, Increments]:
    return {(("d", d), ("v", v), ("m", m)): increments for (d, v, m), increments in series.items()}


async def _increment(
    database: Database, collection: str, increments: Mapping[Ids, Increments], session: AsyncClientSession
) -> None:
    if not increments:
        return
    heavy_ids = heavy(increments)
    light = [(own, increments[own]) for own in increments.keys() - set(heavy_ids)]
    writes: list[UpdateOne | ReplaceOne[Document] | DeleteMany] = [
        *(UpdateOne({"_id": dict(own)}, {"$inc": numbers}, upsert=True) for own, numbers in light),
        *await _written_back(database, collection, {own: increments[own] for own in heavy_ids}, session),
    ]
    # A counter that has fallen to zero is removed: values that no user has any more cost nothing.
    counting = "registered" if collection == VALUES else "n"
    fallen = [dict(own) for own, numbers in increments.items() if numbers.get(counting, 0) < 0]
    if fallen:
        writes.append(DeleteMany({"_id": {"$in": fallen}, counting: 0}))
    # In order: a counter is removed after it has fallen.
    await database[collection].bulk_write(writes, session=session)


async def _written_back(
    database: Database, collection: str, increments: Mapping[Ids, Increments], session: AsyncClientSession
) -> list[ReplaceOne[Document]]:
    """Read documents with many increments, and add to them.

    Only the keeper writes them, and its transaction sees its own writes.
    """
    if not increments:
        return []
    ids = [dict(own) for own in increments]
    found = await database[collection].find({"_id": {"$in": ids}}, session=session).to_list()
    stored = {tuple(each["_id"].items()): each for each in found}
    return [
        ReplaceOne({"_id": dict(own)}, moved(stored.get(own) or {"_id": dict(own)}, numbers), upsert=True)
        for own, numbers in increments.items()
    ]
