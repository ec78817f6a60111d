"""Answers from the counters, by a few reads of indexes."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docustore.analytics.cube.ages_report import AgeLine
from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeMetric, CubeQuestion, with_rest
from docustore.analytics.cube.cohorts_report import CohortCounts, months_between
from docustore.analytics.cube.counts import ALL_USERS, ENDED, SERIES, VALUES, Key
from docustore.analytics.cube.slots import SLOTS_A_DAY, first_slot, month_of, month_slots
from docustore.analytics.cube.transitions import TRANSITION, TRANSITIONS, Transition
from docustore.analytics.dimensions import DIMENSIONS, STATUS
from docustore.analytics.pipelines import Pipeline
from docustore.analytics.values import OTHER
from docustore.database import Database, Document
from docustore.users.profile import UserStatus

# The parts of a document of a month: whole days suffice where all intervals begin and end at midnight UTC.
_BY_DAY: Final = {CubeMetric.REGISTERED: "r", CubeMetric.PRESENT: "p"}
# Documents in one reply: more than any dimension has months.
_MANY: Final = 10_000
_AFTER_ALL_MONTHS: Final = "9999-99"
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

    async def answer_all(self, questions: Sequence[CubeQuestion]) -> list[CubeAnswer]:
        """Answer questions together; those about all times in one read."""
        if any(question.edges is not None or question.values is not None for question in questions):
            return list(await asyncio.gather(*(self.answer(question) for question in questions)))
        cursor = await self.database[VALUES].aggregate(_totals_pipeline(questions))
        lines: dict[str, list[CubeLine]] = defaultdict(list)
        async for each in cursor:
            own = each["_id"]
            lines[own["d"]].append(_total((own["d"], own["v"]), each))
        return [_total_answer(question, lines) for question in questions]

    async def transitions(self, edges: tuple[int, ...]) -> dict[Transition, list[int]]:
        """Count changes of status by interval."""
        keys = {transition: (TRANSITION, transition.value) for transition in TRANSITIONS}
        lines = await self.lines(list(keys.values()), CubeQuestion(edges=edges))
        return {transition: lines[key].registered for transition, key in keys.items()}

    async def cohorts(self, months: Sequence[str]) -> dict[str, CohortCounts]:
        """Count the users that registered in each month, UTC."""
        active = (STATUS, UserStatus.ACTIVE.value)
        keys = [ALL_USERS, active]
        found = await self._months(keys, months, {"n": 1, "p": 1})
        ids = [{"d": ENDED, "v": month, "m": ""} for month in months]
        ended = {each["_id"]["v"]: each async for each in self.database[SERIES].find({"_id": {"$in": ids}})}
        by_month = {key: {each["_id"]["m"]: each for each in found[key]} for key in keys}
        return {
            month: CohortCounts(
                registered=each["n"],
                present=_sum(each.get("p")),
                active=_sum(by_month[active].get(month, {}).get("p")),
                ends={
                    f"{name[:4]}-{name[4:]}": number
                    for name, number in ended.get(month, {}).get("e", {}).items()
                    if number
                },
            )
            for month, each in by_month[ALL_USERS].items()
        }

    async def ages(self, question: CubeQuestion) -> list[AgeLine]:
        """Count present users by day of registration: all users first, then the values."""
        answer = await self.answer(question)
        dimension = question.dimension
        lines = [line for line in (answer.all_users, *answer.values) if line.value != OTHER]
        keys = [ALL_USERS if line.value is None else (dimension or "", line.value) for line in lines]
        found = await asyncio.gather(*map(self._all_months, keys))
        return [
            AgeLine(value=line.value, present=line.present[0], days=_days(documents))
            for line, documents in zip(lines, found, strict=True)
        ]

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
        projection = dict.fromkeys(_parts(edges).values(), 1)
        months = list(months_between(month_of(edges[0]), month_of(edges[-1] - 1)))
        return await self._months(keys, months, projection)

    async def _months(
        self, keys: Sequence[Key], months: Sequence[str], projection: Mapping[str, int]
    ) -> dict[Key, list[Document]]:
        """Read the documents of some keys and months, by exact ids."""
        ids = [{"d": own, "v": value, "m": month} for own, value in keys for month in months]
        found: dict[Key, list[Document]] = defaultdict(list)
        async for each in self.database[SERIES].find({"_id": {"$in": ids}}, projection, batch_size=len(ids)):
            found[each["_id"]["d"], each["_id"]["v"]].append(each)
        return found

    async def _all_months(self, key: Key) -> list[Document]:
        """Read the present users of a key by day, of all times."""
        own = {"d": key[0], "v": key[1]}
        bounds = {"$gte": {**own, "m": ""}, "$lte": {**own, "m": _AFTER_ALL_MONTHS}}
        return await self.database[SERIES].find({"_id": bounds}, {"p": 1}, batch_size=_MANY).to_list()


def _totals_pipeline(questions: Sequence[CubeQuestion]) -> Pipeline:
    """Read the sums of all dimensions, and the values with the most users of each."""
    wholes = {_whole(question.dimension) for question in questions} | {ALL_USERS}
    ids = [{"d": dimension, "v": value} for dimension, value in sorted(wholes)]
    values: Pipeline = [
        {"$unionWith": {"coll": VALUES, "pipeline": _top_pipeline(question)}}
        for question in questions
        if question.dimension is not None
    ]
    return [{"$match": {"_id": {"$in": ids}}}, *values]


def _top_pipeline(question: CubeQuestion) -> Pipeline:
    # Beside the named values, `other` and the sum of all values may be among the first.
    return [
        {"$match": {"_id.d": question.dimension, question.by.value: {"$gt": 0}}},
        {"$sort": {question.by.value: -1, "_id.v": 1}},
        {"$limit": question.top + 2},
    ]


def _total_answer(question: CubeQuestion, lines: Mapping[str, Sequence[CubeLine]]) -> CubeAnswer:
    nothing = CubeLine(value=None, registered=[0], present=[0])
    all_users = next(iter(lines.get("", ())), nothing)
    if question.dimension is None:
        return CubeAnswer(all_users=all_users)
    own = lines.get(question.dimension, ())
    assigned = all_users
    if DIMENSIONS[question.dimension].is_multi_valued:
        assigned = next((line for line in own if line.value is None), nothing)
    named = sorted(
        {line.value: line for line in own if line.value not in {None, OTHER}}.values(),
        key=lambda line: (-line.figures(question.by)[0], line.value or ""),
    )
    return with_rest(question, all_users=all_users, assigned=assigned, named=named[: question.top])


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


def _sum(days: Mapping[str, int] | None) -> int:
    return sum((days or {}).values())


def _days(documents: Sequence[Document]) -> dict[int, int]:
    """Return the present users by day since 1970."""
    return {
        first_slot(each["_id"]["m"], day) // SLOTS_A_DAY: number
        for each in documents
        for day, number in each.get("p", {}).items()
        if number
    }


def summed(documents: Sequence[Document], part: str, edges: Sequence[int]) -> list[int]:
    """Sum one part of documents of months by interval. Pure.

    Args:
        part: One of `r`, `p` (by day), `rs`, `ps` (by slot).
    """
    sums = [0] * (len(edges) - 1)
    is_by_day = len(part) == 1
    for document in documents:
        start, end = month_slots(document["_id"]["m"])
        interval = bisect_right(edges, start) - 1
        if 0 <= interval < len(sums) and end <= edges[interval + 1]:
            # The whole month, in a tenth of the time.
            sums[interval] += sum(document.get(part, {}).values())
            continue
        for name, number in document.get(part, {}).items():
            slot = start + (int(name[:2]) - 1) * SLOTS_A_DAY + (0 if is_by_day else int(name[2:]))
            if edges[0] <= slot < edges[-1]:
                sums[bisect_right(edges, slot) - 1] += number
    return sums
