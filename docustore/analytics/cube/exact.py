"""Answers by full aggregation: every user is looked at.

The rules are those of the counters, stated for the server (`docustore.analytics.expressions`), and the intervals
are applied to the times themselves. Removed users are not in `users` any more: their kept shares are added.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pymongo.errors import ExecutionTimeout

from docustore.analytics.cube.ages_report import AgeLine
from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeQuestion, with_rest
from docustore.analytics.cube.cohorts_report import CohortCounts, CohortLine, month_after, rest_of
from docustore.analytics.cube.freshness import Freshness, pipeline_freshness
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.slots import SLOT_MS, first_slot, start_of
from docustore.analytics.cube.stored import HISTORY
from docustore.analytics.cube.transitions import ROW_FILTER, ROW_PROJECTION, TRANSITIONS, Transition
from docustore.analytics.dimensions import DIMENSIONS, STATUS
from docustore.analytics.pipelines import NO_VALUE, Pipeline, is_calendar_date, registered_expression
from docustore.analytics.values import OTHER
from docustore.database import Database
from docustore.errors import QueryTimedOutError
from docustore.users.profile import UserStatus
from docustore.users.stored import USERS

_ALL: Final = "all"
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The users of one database.

    All aggregations together take `max_time_ms` at most; then the server ends the last one.
    """

    database: Database
    max_time_ms: int
    started: float = field(default_factory=time.monotonic)

    async def freshness(self, now: datetime) -> Freshness:
        """Tell that the answers are of the present."""
        return pipeline_freshness(now=now)

    async def answer(self, question: CubeQuestion) -> CubeAnswer:
        """Answer a question.

        Raises:
            QueryTimedOutError: It took too long.
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

    async def answer_all(self, questions: Sequence[CubeQuestion]) -> list[CubeAnswer]:
        """Answer questions one after another: each looks at all users."""
        return [await self.answer(question) for question in questions]

    async def transitions(self, edges: tuple[int, ...]) -> dict[Transition, list[int]]:
        """Count changes of status by interval, from all rows of history."""
        pipeline: Pipeline = [
            {"$match": {**ROW_FILTER, "valid_from": {"$gte": start_of(edges[0]), "$lt": start_of(edges[-1])}}},
            {"$project": {"registered": "$valid_from", **ROW_PROJECTION}},
            {"$match": {"transition": {"$ne": None}}},
            {"$set": {"i": _search(edges, 0, len(edges) - 1)}},
            {"$group": {"_id": {"t": "$transition", "i": "$i"}, "changes": {"$sum": 1}}},
        ]
        found = {transition: [0] * (len(edges) - 1) for transition in TRANSITIONS}
        for group in await self._found(pipeline, collection=HISTORY):
            own = group["_id"]
            counts = found.get(Transition(own["t"]["from"], own["t"]["to"]))
            if counts is not None:
                counts[own["i"]] += group["changes"]
        return found

    async def cohorts(self, months: Sequence[str], question: CubeQuestion) -> list[CohortLine]:
        """Count the users that registered in each month, UTC."""
        everybody = CohortLine(
            value=None, months=_cohorts(await self._cohort_groups(months, STATUS), has_active=True)
        )
        dimension = question.dimension
        if dimension is None:
            return [everybody]
        values = await self._values(question)
        groups = await self._cohort_groups(months, dimension)
        named = [
            CohortLine(value=value, months=_cohorts([group for group in groups if group["_id"]["v"] == value]))
            for value in values
        ]
        return [everybody, *named, *rest_of(_cohorts(groups), named)]

    async def _cohort_groups(self, months: Sequence[str], dimension: str) -> list[dict[str, Any]]:
        edges = (first_slot(months[0]), first_slot(month_after(months[-1])))
        pipeline: Pipeline = [
            *shares_pipeline(dimension),
            *_in_intervals(CubeQuestion(edges=edges)),
            *_by_value(),
            {
                "$group": {
                    "_id": {"c": _month("$registered"), "e": _month("$ended"), "v": "$v"},
                    "registered": {"$sum": 1},
                    "present": {"$sum": _ONE_IF_PRESENT},
                }
            },
        ]
        return await self._found(pipeline)

    async def ages(self, question: CubeQuestion) -> list[AgeLine]:
        """Count present users by day of registration: all users first, then the values."""
        values = await self._values(question) if question.dimension is not None else []
        lines = [await self._age_line(question, None, None)]
        lines += [await self._age_line(question, question.dimension, value) for value in values]
        return lines

    async def _age_line(self, question: CubeQuestion, dimension: str | None, value: str | None) -> AgeLine:
        day = {"$floor": {"$divide": [{"$toLong": "$registered"}, _DAY_MS]}}
        pipeline: Pipeline = [
            *shares_pipeline(dimension),
            {"$match": {"present": True}},
            *_in_intervals(question),
            *([] if dimension is None else [*_by_value(), {"$match": {"v": {"$eq": value}}}]),
            {"$group": {"_id": day, "users": {"$sum": 1}}},
        ]
        days = {group["_id"]: group["users"] for group in await self._found(pipeline)}
        present = sum(days.values())
        days.pop(None, None)
        return AgeLine(value=value, present=present, days={int(each): users for each, users in days.items()})

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

    async def _found(self, pipeline: Pipeline, *, collection: str = USERS) -> list[dict[str, Any]]:
        left_ms = self.max_time_ms - int((time.monotonic() - self.started) * 1000)
        if left_ms <= 0:
            raise self._timed_out()
        try:
            cursor = await self.database[collection].aggregate(pipeline, allowDiskUse=True, maxTimeMS=left_ms)
            return await cursor.to_list()
        except ExecutionTimeout as exc:
            raise self._timed_out() from exc

    def _timed_out(self) -> QueryTimedOutError:
        step = (
            "leave out `exact`: the counters give the same figures; or ask for one `dimension` and a smaller `top`"
        )
        return QueryTimedOutError(timeout_ms=self.max_time_ms, next_step=step)


_ONE_IF_PRESENT: Final = {"$cond": ["$present", 1, 0]}


def shares_pipeline(dimension: str | None) -> Pipeline:
    """Turn users into `{registered, present, ended, v}`. Pure.

    `registered` and `ended` are times, null where there is none. Removed users are included.
    """
    is_present = {"$in": [{"$type": "$deleted_at"}, NO_VALUE]}
    ended = {"$cond": [is_calendar_date("$deleted_at"), "$deleted_at", registered_expression()]}
    return [
        {
            "$project": {
                "registered": registered_expression(),
                "present": is_present,
                "ended": {"$cond": [is_present, None, ended]},
                **({} if dimension is None else {"v": DIMENSIONS[dimension].expression()}),
            }
        },
        {"$unionWith": {"coll": USER_ANALYTICS, "pipeline": _removed_pipeline(dimension)}},
    ]


def _removed_pipeline(dimension: str | None) -> Pipeline:
    def time(slot: str) -> Any:
        return {"$cond": [{"$eq": [slot, None]}, None, {"$toDate": {"$multiply": [{"$toLong": slot}, SLOT_MS]}}]}

    return [
        {"$match": {"gone": True}},
        {
            "$project": {
                "registered": time("$registered"),
                "present": "$present",
                "ended": time("$ended"),
                **({} if dimension is None else {"v": f"$values.{dimension}"}),
            }
        },
    ]


def _month(time: str) -> Any:
    return {"$dateToString": {"date": time, "format": "%Y-%m"}}


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


def _cohorts(groups: Sequence[Mapping[str, Any]], *, has_active: bool = False) -> dict[str, CohortCounts]:
    """Add up groups by month of the registration.

    Args:
        has_active: The values of the groups are statuses.
    """
    by_month: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for group in groups:
        by_month[group["_id"]["c"]].append(group)
    return {month: _cohort(own, has_active=has_active) for month, own in by_month.items()}


def _cohort(groups: Sequence[Mapping[str, Any]], *, has_active: bool) -> CohortCounts:
    ends: Counter[str] = Counter()
    for group in groups:
        if group["_id"]["e"] is not None:
            ends[group["_id"]["e"]] += group["registered"]
    active = sum(group["present"] for group in groups if group["_id"]["v"] == UserStatus.ACTIVE.value)
    return CohortCounts(
        registered=sum(group["registered"] for group in groups),
        present=sum(group["present"] for group in groups),
        active=active if has_active else None,
        ends=dict(ends),
    )
