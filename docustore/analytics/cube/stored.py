"""Read the counters as of a cluster time, and count them again."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from bson.timestamp import Timestamp

from docustore.analytics.cube.counts import SERIES, VALUES, CubeCounts
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.transitions import ROW_FILTER, ROW_PROJECTION, transition_increments
from docustore.database import Database, Document

HISTORY: Final = "user_history"
_BATCH: Final = 10_000
# By name of the document and the figure.
Figures = dict[tuple[str, ...], int]


async def counters_at(database: Database, at: Timestamp) -> Figures:
    """Read all counters, without zeros."""
    figures: Figures = {}
    async for document in _found(database, {"find": VALUES}, at):
        own = document["_id"]
        for name in ("registered", "present"):
            figures[own["d"], own["v"], name] = document.get(name, 0)
    async for document in _found(database, {"find": SERIES}, at):
        own = document["_id"]
        figures[own["d"], own["v"], own["m"], "n"] = document["n"]
        for part in ("r", "rs", "p", "ps", "e"):
            for key, number in document.get(part, {}).items():
                figures[own["d"], own["v"], own["m"], f"{part}.{key}"] = number
    return {name: number for name, number in figures.items() if number}


async def recounted_at(database: Database, at: Timestamp, *, seq: int) -> Figures:
    """Count all shares and all rows up to a number; the same shape as `counters_at`."""
    counts = CubeCounts()
    async for share in _found(database, {"find": USER_ANALYTICS}, at):
        counts.add(share, 1)
    figures: Counter[tuple[str, ...]] = Counter()
    for key, increments in counts.values().items():
        _include(figures, key, increments)
    for series, increments in counts.series().items():
        _include(figures, series, increments)
    rows = {
        "find": HISTORY,
        "filter": {"_id": {"$lte": seq}, **ROW_FILTER},
        "projection": {"valid_from": 1, **ROW_PROJECTION},
    }
    async for row in _found(database, rows, at):
        for series, increments in transition_increments([row]).items():
            _include(figures, series, increments)
    return {name: number for name, number in figures.items() if number}


def _include(figures: Counter[tuple[str, ...]], key: tuple[str, ...], increments: Mapping[str, int]) -> None:
    for name, number in increments.items():
        figures[*key, name] += number


async def _found(database: Database, find: dict[str, Any], at: Timestamp) -> AsyncIterator[Document]:
    # Bare commands: the driver has no call for a read at a given cluster time.
    async with database.client.start_session(causal_consistency=False) as session:
        concern = {"level": "snapshot", "atClusterTime": at}
        command = {**find, "batchSize": _BATCH, "readConcern": concern}
        cursor = (await database.command(command, session=session))["cursor"]
        for document in cursor["firstBatch"]:
            yield document
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": find["find"], "batchSize": _BATCH}
            cursor = (await database.command(more, session=session))["cursor"]
            for document in cursor["nextBatch"]:
                yield document
