"""What a query would cost, before it runs.

The documents are those that its first condition lets the server read: all of them, or those that an index finds.
The rows are bounded by the documents and by the number of values that dimensions have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import prod
from typing import Any, Final

import msgspec
from pymongo.errors import ExecutionTimeout

from docustore.analytics.cube.counts import VALUES
from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.marts import KNOWN_STATUSES
from docustore.analytics.query.compile import Compiled, multi_valued
from docustore.analytics.query.model import Bucket, QueryInput
from docustore.analytics.values import COMPLETING
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import load_effect_state
from docustore.errors import QueryTooExpensiveError
from docustore.users.profile import Theme
from docustore.users.stored import USERS

# The server groups in 100 MB of memory; a group takes less than 500 bytes.
MAX_GROUPS: Final = 200_000
# To count the entries of an index up to the limit; an index that finds more is no help.
COUNT_TIMEOUT_MS: Final = 500
# Assumed values of an open set while nothing counts them, and values of a user in a dimension with many.
_OPEN_SET: Final = 1000
_VALUES_PER_USER: Final = 4
_CLOSED_SETS: Final = {
    "status": len(KNOWN_STATUSES) + 1,
    "theme": len(Theme) + 2,
    "completeness": len(COMPLETING) + 1,
}
_LENGTHS: Final = {
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
    Bucket.MONTH: timedelta(days=28),
    Bucket.QUARTER: timedelta(days=90),
    Bucket.YEAR: timedelta(days=365),
}
# A range without a begin or an end.
_LONG: Final = timedelta(days=365 * 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """The limits of the settings."""

    max_documents: int
    timeout_ms: int

    @classmethod
    def of(cls, settings: Settings) -> "QueryLimits":
        """Take the limits from the settings."""
        return cls(max_documents=settings.query_max_documents, timeout_ms=settings.query_timeout_ms)


class Estimate(msgspec.Struct, frozen=True):
    """The cost of a query: documents to read, and groups to keep in memory.

    Both are upper bounds. `groups` is made of the values that dimensions have, and the buckets of the range.
    `uses_index` tells whether an index finds the documents.
    """

    documents: int
    groups: int
    uses_index: bool


async def estimate(database: Database, query: QueryInput, compiled: Compiled, *, limits: QueryLimits) -> Estimate:
    """Estimate the cost of a query; nothing of it is run."""
    total = await database[USERS].estimated_document_count()
    documents, uses_index = total, False
    if compiled.match and await _uses_index(database, compiled.match):
        documents, uses_index = await _counted(database, compiled.match, total=total, limits=limits), True
    values = prod([await _number_of_values(database, name) for name in query.dimensions])
    return Estimate(documents=documents, groups=_groups(query, documents, values=values), uses_index=uses_index)


def require_affordable(found: Estimate, *, limits: QueryLimits) -> None:
    """Refuse a query that costs too much.

    Raises:
        QueryTooExpensiveError: It would read too many documents, or make too many groups.
    """
    if found.documents > limits.max_documents:
        raise QueryTooExpensiveError(
            f"the query would read about {found.documents} documents, more than DOCUSTORE_QUERY_MAX_DOCUMENTS "
            f"({limits.max_documents}): filter by status, role, tag or location, or give `time.since` and "
            "`time.until`; leave out `exact` if marts can answer"
        )
    if found.groups > MAX_GROUPS:
        raise QueryTooExpensiveError(
            f"the query would make up to {found.groups} groups, more than {MAX_GROUPS}: use fewer dimensions, a "
            "longer `time.bucket`, or give `time.since` and `time.until`"
        )


async def _uses_index(database: Database, match: Mapping[str, Any]) -> bool:
    command = {"explain": {"find": USERS, "filter": match}, "verbosity": "queryPlanner"}
    plan = (await database.command(command))["queryPlanner"]["winningPlan"]
    return "COLLSCAN" not in set(_stages(plan))


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, Mapping):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for part in plan.values():
            yield from _stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _stages(part)


async def _counted(database: Database, match: Mapping[str, Any], *, total: int, limits: QueryLimits) -> int:
    cap = min(total, limits.max_documents + 1)
    try:
        found: int = await database[USERS].count_documents(match, limit=max(cap, 1), maxTimeMS=COUNT_TIMEOUT_MS)
    except ExecutionTimeout:
        return total
    return found


async def _number_of_values(database: Database, dimension: str) -> int:
    """Return how many values a dimension has, as the live counters know it."""
    if dimension in _CLOSED_SETS:
        return _CLOSED_SETS[dimension]
    state = await load_effect_state(database, USER_ANALYTICS)
    if state is None or not state.is_live:
        return _OPEN_SET
    of_dimension = {"_id.d": dimension, "registered": {"$gt": 0}}
    counted: int = await database[VALUES].count_documents(of_dimension, limit=MAX_GROUPS + 1)
    return max(counted, 1)


def _groups(query: QueryInput, documents: int, *, values: int) -> int:
    members: int = documents * _VALUES_PER_USER ** len(multi_valued(query))
    return min(values * _buckets(query), members)


def _buckets(query: QueryInput) -> int:
    time = query.time
    if time.bucket is None:
        return 1
    span: timedelta = time.until - time.since if time.until and time.since else _LONG
    # The first and the last bucket may be partial.
    return span // _LENGTHS[time.bucket] + 2
