"""Answers from the counters by dimension and slot (`docustore.analytics.cube`)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeMetric, CubeQuestion
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.counts import SERIES
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.months import all_months
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.cube_plan import (
    COMPLETENESS,
    CubePlan,
    CubeRefusedError,
    counts_deleted,
    cube_plan,
)
from docustore.analytics.query.metrics import Sum
from docustore.analytics.query.model import MAX_ROWS, QueryInput
from docustore.analytics.query.rollup import Rollup, RollupRow
from docustore.analytics.query.spans import Span, runs_of, spans_of
from docustore.database import Database
from docustore.effect_states import BuildState
from docustore.joined_reads import in_one_state

# Values of one dimension that are read for one answer; with more of them, the aggregation answers.
MAX_VALUES_READ: Final = 500
# Each is a value in a month, and holds up to 3,000 counters.
MAX_DOCUMENTS_READ: Final = 10_000
# An answer has no more rows without dimensions.
MAX_BUCKETS: Final = MAX_ROWS
# Rows of history have ascending numbers.
_NEWEST_ROW: Final[Mapping[str, Any]] = {
    "$unionWith": {
        "coll": "user_history",
        "pipeline": [{"$sort": {"_id": -1}}, {"$limit": 1}, {"$project": {"seq": "$_id"}}],
    }
}
_ALL_MONTHS: Final = {"$gte": {"d": "", "v": "", "m": ""}, "$lte": {"d": "", "v": "", "m": "9999-99"}}

Key = tuple[Any, str | None]


async def cube_rollup(database: Database, query: QueryInput, *, now: datetime) -> Rollup:
    """Answer a query from the counters.

    Raises:
        CubeRefusedError: They do not keep what it asks for, or do not hold every user yet.
    """
    plan = cube_plan(query)

    async def answered(session: AsyncClientSession | None) -> Rollup:
        marts = Marts(database=database, committed=_NEWEST_ROW, session=session)
        totals = await marts.answer(_question(query, plan, edges=None))
        fresh = await marts.freshness(now)
        if fresh.state != BuildState.LIVE.value:
            raise CubeRefusedError("they do not hold every user yet: see `docustore changes effects`")
        return Rollup(rows=await _rows(marts, query, plan, totals), as_of=fresh.as_of, lag_s=fresh.lag_s)

    return await in_one_state(database, answered)


async def _rows(marts: Marts, query: QueryInput, plan: CubePlan, totals: CubeAnswer) -> list[RollupRow]:
    if len(totals.values) > MAX_VALUES_READ:
        raise CubeRefusedError(f"{plan.dimension} has more than {MAX_VALUES_READ} values")
    if query.time.is_whole:
        return _added_up(query, plan, totals, [None])
    runs = runs_of(await _months(marts), query.time)
    if not runs:
        # No registration in the range.
        return _unknown(query, plan, totals, None)
    months = sum(len(all_months((run.first, run.end))) for run in runs)
    if months * max(len(totals.values), 1) > MAX_DOCUMENTS_READ:
        raise CubeRefusedError("too many months have registrations for the number of values")
    spans = _spans(query, runs)
    answers = await marts.answer_all([_question(query, plan, edges=_edges(own), totals=totals) for own in spans])
    answered = _joined(answers, [len(own) for own in spans])
    every = [span for own in spans for span in own]
    if any(span.is_cut and users for span, users in zip(every, answered.all_users.registered, strict=True)):
        raise CubeRefusedError("users registered in a quarter of an hour in which a bucket begins")
    rows = _added_up(query, plan, answered, [span.start for span in every])
    return [*rows, *_unknown(query, plan, totals, answered)]


def _question(
    query: QueryInput, plan: CubePlan, *, edges: tuple[int, ...] | None, totals: CubeAnswer | None = None
) -> CubeQuestion:
    values = plan.wanted
    if values is None and totals is not None:
        values = tuple(line.value for line in totals.values if line.value is not None)
    return CubeQuestion(
        edges=edges,
        dimension=plan.dimension,
        values=values,
        top=MAX_VALUES_READ + 1,
        by=CubeMetric.REGISTERED if counts_deleted(query) else CubeMetric.PRESENT,
        has_rest=plan.wanted is None,
    )


async def _months(marts: Marts) -> list[str]:
    """Return the months of which there are counters, ascending.

    In a few of them there may be no registration any more.
    """
    # The index alone answers this.
    found = marts.database[SERIES].find(
        {"_id": _ALL_MONTHS}, {"_id": 1}, sort=[("_id", 1)], limit=MAX_DOCUMENTS_READ + 1, session=marts.session
    )
    return [each["_id"]["m"] for each in await found.to_list()]


def _spans(query: QueryInput, runs: Sequence[Period]) -> list[list[Span]]:
    """Cut each run into the buckets of a query."""
    spans, left = [], MAX_BUCKETS
    for run in runs:
        own = spans_of(run, query.time, limit=left)
        left -= len(own)
        if left < 0:
            raise CubeRefusedError(f"the months with registrations have more than {MAX_BUCKETS} buckets")
        spans.append(own)
    return spans


def _edges(spans: Sequence[Span]) -> tuple[int, ...]:
    return (spans[0].first, *(span.end for span in spans))


def _joined(answers: Sequence[CubeAnswer], sizes: Sequence[int]) -> CubeAnswer:
    """Put the answers of consecutive runs together.

    Args:
        sizes: The number of intervals of each. A line without users may be missing in an answer.
    """
    names = dict.fromkeys(line.value for answer in answers for line in answer.values)
    found = [{line.value: line for line in answer.values} for answer in answers]
    lines = [[own.get(name, _zeros(name, size)) for own, size in zip(found, sizes, strict=True)] for name in names]
    return CubeAnswer(
        all_users=_line_of([answer.all_users for answer in answers]), values=[_line_of(own) for own in lines]
    )


def _line_of(parts: Sequence[CubeLine]) -> CubeLine:
    return CubeLine(
        value=parts[0].value,
        registered=[users for part in parts for users in part.registered],
        present=[users for part in parts for users in part.present],
    )


def _zeros(value: str | None, size: int) -> CubeLine:
    return CubeLine(value=value, registered=[0] * size, present=[0] * size)


def _lines(plan: CubePlan, answered: CubeAnswer) -> list[CubeLine]:
    if plan.dimension is None:
        return [answered.all_users]
    return [line for line in answered.values if line.value is not None and plan.accepts(line.value)]


def _added_up(
    query: QueryInput, plan: CubePlan, answered: CubeAnswer, starts: list[datetime | None]
) -> list[RollupRow]:
    sums: dict[Key, Counter[Sum]] = defaultdict(Counter)
    if not query.dimensions and query.time.bucket is None:
        sums[None, None] = Counter()
    for line in _lines(plan, answered):
        for start, registered, present in zip(starts, line.registered, line.present, strict=True):
            _count(sums, plan, line.value, start=start, registered=registered, present=present)
    return _rows_of(query, sums)


def _count(
    sums: dict[Key, Counter[Sum]],
    plan: CubePlan,
    value: str | None,
    *,
    start: datetime | None,
    registered: int,
    present: int,
) -> None:
    group = sums[start, value if plan.is_by_value else None]
    group[Sum.ALL] += registered
    group[Sum.PRESENT] += present
    if plan.dimension == COMPLETENESS and present:
        # No user has a value that is no number; a filter may name one.
        group[Sum.FILLED] += present * int(value or 0)


def _unknown(
    query: QueryInput, plan: CubePlan, totals: CubeAnswer, answered: CubeAnswer | None
) -> list[RollupRow]:
    """Return the rows of users whose registration is not known, if they count."""
    time = query.time
    if time.since is not None or time.until is not None or time.bucket is None:
        return _added_up(query, plan, CubeAnswer(all_users=_zeros(None, 0)), []) if answered is None else []
    dated = {} if answered is None else {line.value: line for line in _lines(plan, answered)}
    sums: dict[Key, Counter[Sum]] = defaultdict(Counter)
    for line in _lines(plan, totals):
        own = dated.get(line.value, _zeros(line.value, 0))
        registered = line.registered[0] - sum(own.registered)
        present = line.present[0] - sum(own.present)
        _count(sums, plan, line.value, start=None, registered=registered, present=present)
    return _rows_of(query, sums)


def _rows_of(query: QueryInput, sums: Mapping[Key, Counter[Sum]]) -> list[RollupRow]:
    counted = Sum.ALL if counts_deleted(query) else Sum.PRESENT
    is_one_row = not query.dimensions and query.time.bucket is None
    rows = []
    for (start, value), group in sums.items():
        if is_one_row or group[counted]:
            key = {BUCKET: start, **dict.fromkeys(query.dimensions, value)}
            rows.append(RollupRow(key=key, sums={each: group[each] for each in Sum}))
    return rows
