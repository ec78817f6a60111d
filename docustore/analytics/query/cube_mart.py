"""Answers from the counters by dimension and slot (`docustore.analytics.cube`)."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeMetric, CubeQuestion
from docustore.analytics.cube.buckets import Bucket as Interval
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.counts import SERIES
from docustore.analytics.cube.freshness import mart_freshness
from docustore.analytics.cube.marts import Marts
from docustore.analytics.cube.slots import SLOTS_A_DAY, first_slot, slot_of
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.cube_plan import (
    COMPLETENESS,
    CubePlan,
    CubeRefusedError,
    bucket_start,
    counts_deleted,
    cube_plan,
    intervals_of,
)
from docustore.analytics.query.metrics import Sum
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.rollup import Rollup, RollupRow
from docustore.database import Database
from docustore.effect_states import BuildState

# Values of one dimension that are read for one answer; with more of them, the aggregation answers.
MAX_VALUES_READ: Final = 500
# Each is a value in a month, and holds up to 3,000 counters.
MAX_DOCUMENTS_READ: Final = 10_000
_HISTORY: Final = "user_history"
_LONGEST_MONTH: Final = 31 * SLOTS_A_DAY
# A bucket beside these has no local begin or end in any calendar.
_FIRST: Final = first_slot("0002-01")
_END: Final = first_slot("9999-01")

Key = tuple[Any, str | None]


async def cube_rollup(database: Database, query: QueryInput, *, now: datetime) -> Rollup:
    """Answer a query from the counters.

    Raises:
        CubeRefusedError: They do not keep what it asks for, or do not hold every user yet.
    """
    plan = cube_plan(query)
    # First, so that the answer is not older than it says.
    newest = await database[_HISTORY].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    committed = 0 if newest is None else int(newest["_id"])
    fresh = await mart_freshness(database, committed=committed, now=now)
    if fresh.state != BuildState.LIVE.value:
        raise CubeRefusedError("they do not hold every user yet: see `docustore changes effects`")
    rows = await _rows(database, query, plan)
    return Rollup(rows=rows, as_of=fresh.as_of, lag_s=fresh.lag_s)


async def _rows(database: Database, query: QueryInput, plan: CubePlan) -> list[RollupRow]:
    marts = Marts(database=database)
    totals = await marts.answer(_question(query, plan, edges=None))
    if len(totals.values) > MAX_VALUES_READ:
        raise CubeRefusedError(f"{plan.dimension} has more than {MAX_VALUES_READ} values")
    if query.time.is_whole:
        return _added_up(query, plan, totals, [None])
    intervals = await _intervals(database, query)
    if not intervals:
        # No registration in the range.
        return _unknown(query, plan, totals, None)
    months = (intervals[-1].end - intervals[0].first) // _LONGEST_MONTH + 1
    if months * max(len(totals.values), 1) > MAX_DOCUMENTS_READ:
        raise CubeRefusedError("the range has too many months for the number of values")
    edges = (*(each.first for each in intervals), intervals[-1].end)
    answered = await marts.answer(_question(query, plan, edges=edges, totals=totals))
    starts = [bucket_start(each, query.time) for each in intervals]
    rows = _added_up(query, plan, answered, starts)
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


async def _intervals(database: Database, query: QueryInput) -> list[Interval]:
    """Cut the time in which users registered into the buckets of a query."""
    time = query.time
    months = await _months(database)
    if months is None:
        return []
    first, end = months
    first = first if time.since is None else max(first, slot_of(time.since))
    end = end if time.until is None else min(end, slot_of(time.until))
    if first < end and (first < _FIRST or end > _END):
        raise CubeRefusedError("users registered in the first or the last year of the calendar")
    return intervals_of(Period(first=first, end=end), time) if first < end else []


async def _months(database: Database) -> tuple[int, int] | None:
    """Return the first slot of the first month, and one after the last month."""
    of_all = {"$gte": {"d": "", "v": "", "m": ""}, "$lte": {"d": "", "v": "", "m": "9999-99"}}
    bounds = [
        await database[SERIES].find_one({"_id": of_all}, {"_id": 1}, sort=[("_id", order)]) for order in (1, -1)
    ]
    if bounds[0] is None or bounds[1] is None:
        return None
    return first_slot(bounds[0]["_id"]["m"]), first_slot(bounds[1]["_id"]["m"]) + _LONGEST_MONTH


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
        return _added_up(query, plan, CubeAnswer(all_users=_no_line(None)), []) if answered is None else []
    dated = {} if answered is None else {line.value: line for line in _lines(plan, answered)}
    sums: dict[Key, Counter[Sum]] = defaultdict(Counter)
    for line in _lines(plan, totals):
        own = dated.get(line.value, _no_line(line.value))
        registered = line.registered[0] - sum(own.registered)
        present = line.present[0] - sum(own.present)
        _count(sums, plan, line.value, start=None, registered=registered, present=present)
    return _rows_of(query, sums)


def _no_line(value: str | None) -> CubeLine:
    return CubeLine(value=value, registered=[], present=[])


def _rows_of(query: QueryInput, sums: Mapping[Key, Counter[Sum]]) -> list[RollupRow]:
    counted = Sum.ALL if counts_deleted(query) else Sum.PRESENT
    is_one_row = not query.dimensions and query.time.bucket is None
    rows = []
    for (start, value), group in sums.items():
        if is_one_row or group[counted]:
            key = {BUCKET: start, **dict.fromkeys(query.dimensions, value)}
            rows.append(RollupRow(key=key, sums={each: group[each] for each in Sum}))
    return rows
