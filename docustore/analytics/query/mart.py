"""Choose the mart that answers a query, if one does."""

from dataclasses import dataclass
from datetime import datetime

from docustore.analytics.query.cube_mart import cube_rollup
from docustore.analytics.query.cube_plan import CubeRefusedError
from docustore.analytics.query.day_counters import day_counters, day_counters_refuse
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.rollup import Rollup
from docustore.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class MartAnswer:
    """The answer of a mart, None if none answers; `reason` says why."""

    rollup: Rollup | None
    reason: str


async def ask_marts(database: Database, query: QueryInput, *, now: datetime) -> MartAnswer:
    """Answer from the counters that the listener keeps.

    A rollup answers only what it can add up: the metrics are sums or are read off sums, and every filter and
    dimension is one that the rollup keeps.
    """
    if query.exact:
        return MartAnswer(rollup=None, reason="`exact` asks for the aggregation")
    try:
        rollup = await cube_rollup(database, query, now=now)
    except CubeRefusedError as exc:
        return await _ask_day_counters(database, query, refusal=str(exc))
    return MartAnswer(rollup=rollup, reason="the counters by dimension and quarter of an hour keep these sums")


async def _ask_day_counters(database: Database, query: QueryInput, *, refusal: str) -> MartAnswer:
    if day_counters_refuse(query) is None and (rollup := await day_counters(database, query)) is not None:
        return MartAnswer(rollup=rollup, reason="the counters of users and UTC days keep these sums")
    return MartAnswer(rollup=None, reason=f"the counters do not keep this: {refusal}")
