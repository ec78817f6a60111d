"""Answers from the counters, by a few reads of indexes."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeMetric, CubeQuestion, with_rest
from docustore.analytics.cube.counts import ALL_USERS, SERIES, VALUES, Key
from docustore.analytics.cube.slots import SLOTS_A_DAY, first_slot, month_of
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.values import OTHER
from docustore.database import Database, Document

# The parts of a document of a month: whole days suffice where all intervals begin and end at midnight UTC.
_BY_DAY: Final = {CubeMetric.REGISTERED: "r", CubeMetric.PRESENT: "p"}
_BY_SLOT: Final = {CubeMetric.REGISTERED: "rs", CubeMetric.PRESENT: "ps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marts:
    """The counters of one database."""

    database: Database

    async def answer(self, question: CubeQuestion) -> CubeAnswer:
        """Answer a question; the cost does not depend on the number of users."""
        values = await self._values(question)
        dimension = question.dimension
        named: list[Key] = [] if dimension is None else [(dimension, value) for value in values]
        whole = _whole(dimension)
        lines = await self.lines([ALL_USERS, *([whole] if whole != ALL_USERS else []), *named], question)
        return with_rest(
            question,
            all_users=lines[ALL_USERS],
            assigned=None if dimension is None else lines[whole],
            named=[lines[key] for key in named],
        )

    async def _values(self, question: CubeQuestion) -> Sequence[str]:
        if question.dimension is None or question.values is not None:
            return question.values or ()
        # One more: `other` is never one of the named values.
        found = self.database[VALUES].find(
            {"_id.d": question.dimension, question.by.value: {"$gt": 0}},
            {"_id": 1},
            sort=[(question.by.value, -1), ("_id.v", 1)],
            limit=question.top + 2,
        )
        values = [each["_id"]["v"] async for each in found]
        return [value for value in values if value not in {"", OTHER}][: question.top]

    async def lines(self, keys: Sequence[Key], question: CubeQuestion) -> dict[Key, CubeLine]:
        """Read the figures of some keys; a key that nothing is stored of has zeros."""
        if question.edges is None:
            ids = [{"d": dimension, "v": value} for dimension, value in keys]
            stored = await self.database[VALUES].find({"_id": {"$in": ids}}).to_list()
            totals = {(each["_id"]["d"], each["_id"]["v"]): each for each in stored}
            return {key: _total(key, totals.get(key, {})) for key in keys}
        documents = await self._series(keys, question.edges)
        return {key: _line(key, documents[key], question.edges) for key in keys}

    async def _series(self, keys: Sequence[Key], edges: Sequence[int]) -> dict[Key, list[Document]]:
        """Read the documents of all months between the first and the last edge."""
        first, last = month_of(edges[0]), month_of(edges[-1] - 1)
        ranges = [
            {
                "_id": {
                    "$gte": {"d": dimension, "v": value, "m": first},
                    "$lte": {"d": dimension, "v": value, "m": last},
                }
            }
            for dimension, value in keys
        ]
        parts = _parts(edges)
        projection = dict.fromkeys(parts.values(), 1)
        found: dict[Key, list[Document]] = defaultdict(list)
        batches = [ranges[start : start + 20] for start in range(0, len(ranges), 20)]
        reads = [self.database[SERIES].find({"$or": batch}, projection).to_list() for batch in batches]
        for documents in await asyncio.gather(*reads):
            for each in documents:
                found[each["_id"]["d"], each["_id"]["v"]].append(each)
        return found


def _whole(dimension: str | None) -> Key:
    """Return the key of the sum over all values of a dimension."""
    if dimension is None or not DIMENSIONS[dimension].is_multi_valued:
        return ALL_USERS
    return dimension, ""


def _parts(edges: Sequence[int]) -> dict[CubeMetric, str]:
    return _BY_SLOT if any(edge % SLOTS_A_DAY for edge in edges) else _BY_DAY


def _total(key: Key, document: Mapping[str, Any]) -> CubeLine:
    return CubeLine(
        value=_value(key), registered=[document.get("registered", 0)], present=[document.get("present", 0)]
    )


def _line(key: Key, documents: Sequence[Document], edges: Sequence[int]) -> CubeLine:
    figures = {metric: summed(documents, part, edges) for metric, part in _parts(edges).items()}
    return CubeLine(
        value=_value(key), registered=figures[CubeMetric.REGISTERED], present=figures[CubeMetric.PRESENT]
    )


def _value(key: Key) -> str | None:
    return key[1] or None


def summed(documents: Sequence[Document], part: str, edges: Sequence[int]) -> list[int]:
    """Sum one part of documents of months by interval. Pure.

    Args:
        part: One of `r`, `p` (by day), `rs`, `ps` (by slot).
    """
    sums = [0] * (len(edges) - 1)
    is_by_day = len(part) == 1
    for document in documents:
        start = first_slot(document["_id"]["m"])
        for name, number in document.get(part, {}).items():
            slot = start + (int(name[:2]) - 1) * SLOTS_A_DAY + (0 if is_by_day else int(name[2:]))
            if edges[0] <= slot < edges[-1]:
                sums[bisect_right(edges, slot) - 1] += number
    return sums
