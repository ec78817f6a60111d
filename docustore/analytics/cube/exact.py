"""Answers by full aggregation: every user is looked at.

The rules are those of the counters, stated for the server (`docustore.analytics.expressions`), and the intervals
are applied to the times themselves. Removed users are not in `users` any more: their kept shares are added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeQuestion, with_rest
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.slots import SLOT_MS, start_of
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.pipelines import NO_VALUE, Pipeline, registered_expression
from docustore.analytics.values import OTHER
from docustore.database import Database

USERS: Final = "users"
_ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The users of one database.

    An aggregation that takes longer than `max_time_ms` is ended by the server.
    """

    database: Database
    max_time_ms: int

    async def answer(self, question: CubeQuestion) -> CubeAnswer:
        """Answer a question.

        Raises:
            ExecutionTimeout: It took too long.
        """
        intervals = max(len(question.intervals), 1)
        all_users = _line(None, await self._groups(question, dimension=None), intervals)
        if question.dimension is None:
            return CubeAnswer(all_users=all_users)
        values = await self._values(question)
        found: dict[str, list[Mapping[str, Any]]] = {value: [] for value in values}
        assigned: list[Mapping[str, Any]] = []
        for group in await self._groups(question, dimension=question.dimension, values=values):
            assigned.append(group)
            if group["_id"]["v"] in found:
                found[group["_id"]["v"]].append(group)
        return with_rest(
            question,
            all_users=all_users,
            assigned=_line(None, assigned, intervals),
            named=[_line(value, groups, intervals) for value, groups in found.items()],
        )

    async def _values(self, question: CubeQuestion) -> list[str]:
        """Return the named values: those of the most users of all times."""
        if question.values is not None:
            return list(question.values)
        pipeline: Pipeline = [
            *shares_pipeline(question.dimension),
            *_by_value(),
            {"$group": {"_id": "$v", "registered": {"$sum": 1}, "present": {"$sum": _ONE_IF_PRESENT}}},
            {"$match": {"_id": {"$ne": OTHER}, question.by.value: {"$gt": 0}}},
            {"$sort": {question.by.value: -1, "_id": 1}},
            {"$limit": question.top},
        ]
        return [group["_id"] for group in await self._found(pipeline)]

    async def _groups(
        self, question: CubeQuestion, *, dimension: str | None, values: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        value: Any = _ALL
        if dimension is not None:
            value = {"$cond": [{"$in": ["$v", {"$literal": list(values)}]}, "$v", OTHER]}
        pipeline: Pipeline = [
            *shares_pipeline(dimension),
            *_in_intervals(question),
            *([] if dimension is None else _by_value()),
            {
                "$group": {
                    "_id": {"v": value, "i": "$i"},
                    "registered": {"$sum": 1},
                    "present": {"$sum": _ONE_IF_PRESENT},
                }
            },
        ]
        return await self._found(pipeline)

    async def _found(self, pipeline: Pipeline) -> list[dict[str, Any]]:
        cursor = await self.database[USERS].aggregate(pipeline, allowDiskUse=True, maxTimeMS=self.max_time_ms)
        return await cursor.to_list()


_ONE_IF_PRESENT: Final = {"$cond": ["$present", 1, 0]}


def shares_pipeline(dimension: str | None) -> Pipeline:
    """Turn users into `{registered: time | null, present, v}`. Pure.

    Removed users are included.
    """
    return [
        {
            "$project": {
                "registered": registered_expression(),
                "present": {"$in": [{"$type": "$deleted_at"}, NO_VALUE]},
                **({} if dimension is None else {"v": DIMENSIONS[dimension].expression()}),
            }
        },
        {"$unionWith": {"coll": USER_ANALYTICS, "pipeline": _removed_pipeline(dimension)}},
    ]


def _removed_pipeline(dimension: str | None) -> Pipeline:
    time = {"$toDate": {"$multiply": [{"$toLong": "$registered"}, SLOT_MS]}}
    return [
        {"$match": {"gone": True}},
        {
            "$project": {
                "registered": {"$cond": [{"$eq": ["$registered", None]}, None, time]},
                "present": "$present",
                **({} if dimension is None else {"v": f"$values.{dimension}"}),
            }
        },
    ]


def _by_value() -> Pipeline:
    return [{"$unwind": "$v"}]


def _in_intervals(question: CubeQuestion) -> Pipeline:
    """Number the interval of each user; leave out those outside."""
    edges = question.edges
    if edges is None:
        return [{"$set": {"i": 0}}]
    return [
        {"$match": {"registered": {"$gte": start_of(edges[0]), "$lt": start_of(edges[-1])}}},
        {"$set": {"i": _search(edges, 0, len(edges) - 1)}},
    ]


def _search(edges: Sequence[int], low: int, high: int) -> Any:
    """Return the expression that halves the intervals until one is left."""
    if high - low == 1:
        return {"$literal": low}
    middle = (low + high) // 2
    is_before = {"$lt": ["$registered", start_of(edges[middle])]}
    return {"$cond": [is_before, _search(edges, low, middle), _search(edges, middle, high)]}


def _line(value: str | None, groups: Sequence[Mapping[str, Any]], intervals: int) -> CubeLine:
    registered, present = [0] * intervals, [0] * intervals
    for group in groups:
        registered[group["_id"]["i"]] += group["registered"]
        present[group["_id"]["i"]] += group["present"]
    return CubeLine(value=value, registered=registered, present=present)
