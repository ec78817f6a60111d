"""Choose the mart that answers a query, if one does."""

from dataclasses import dataclass

from docustore.analytics.query.day_counters import day_counters, day_counters_refuse
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.rollup import Rollup
from docustore.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class MartAnswer:
    """The answer of a mart, None if none answers; `reason` says why."""

    rollup: Rollup | None
    reason: str


async def ask_marts(database: Database, query: QueryInput) -> MartAnswer:
    """Answer from the counters that the listener keeps.

    A rollup answers only what it can add up: the metrics are sums or are read off sums, and every filter and
    dimension is one that the rollup keeps.
    """
    if query.exact:
        return MartAnswer(rollup=None, reason="`exact` asks for the aggregation")
    if (refusal := day_counters_refuse(query)) is not None:
        return MartAnswer(rollup=None, reason=f"no mart keeps this: {refusal}")
    rollup = await day_counters(database, query)
    if rollup is None:
        return MartAnswer(rollup=None, reason="the marts are empty: no listener has run yet")
    return MartAnswer(rollup=rollup, reason="the counters of users and days keep these sums")
