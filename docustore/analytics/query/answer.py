"""Answer a query: from marts if they can, else by a bounded aggregation."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from msgspec.json import decode
from pymongo.errors import ExecutionTimeout, OperationFailure

from docustore.analytics.cube.buckets import midnight
from docustore.analytics.query.allowed import require_allowed
from docustore.analytics.query.answers import (
    Cell,
    Explanation,
    QueryAnswer,
    Source,
    columns_of,
    metrics_of,
)
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.compile import METRIC_PREFIX, Compiled, compile_query, is_of_fields
from docustore.analytics.query.cost import QueryLimits, estimate, require_affordable
from docustore.analytics.query.cube_plan import counts_deleted, is_aligned
from docustore.analytics.query.filters import computed_name
from docustore.analytics.query.mart import MartAnswer, ask_marts
from docustore.analytics.query.metrics import METRICS, Sum, shown
from docustore.analytics.query.model import Bucket, QueryInput
from docustore.analytics.query.rollup import Rollup, rows_of
from docustore.database import Database
from docustore.errors import FieldError, InvalidInputError, QueryTimedOutError, QueryTooExpensiveError
from docustore.users.stored import USERS

# Server codes: a group or a sort needs more than 100 MB, and may not use the disk.
_OUT_OF_MEMORY: Final = frozenset({146, 292, 16819, 16945})
_UNKNOWN_ZONE: Final = 40485
_HALF_DAY: Final = timedelta(hours=12)
_BEGIN: Final = datetime.min.replace(tzinfo=UTC)


async def answer(database: Database, query: QueryInput, *, now: datetime, limits: QueryLimits) -> QueryAnswer:
    """Answer a query.

    Args:
        now: Aware time; the end of account ages.

    Raises:
        QueryTooExpensiveError: The aggregation would cost more than the limits allow; it was not run, or it ran
            out of memory.
        QueryTimedOutError: The aggregation did not end in time; the server has stopped it.
        InvalidInputError: The server does not know the time zone.
    """
    compiled = compile_query(query, now=now)
    require_allowed(compiled.pipeline)
    found = await ask_marts(database, query, now=now)
    if query.explain:
        return await _explained(database, query, compiled, found, limits)
    if found.rollup is not None:
        rows = rows_of(found.rollup, query, now=now)
        return _answer(query, rows, source=Source.MART, rollup=found.rollup)
    require_affordable(await estimate(database, query, compiled, limits=limits), limits=limits)
    rows = await _aggregated(database, query, compiled, limits=limits)
    rollup = Rollup(rows=[], as_of=now, lag_s=0.0, is_exact=_counts_removed(query))
    return _answer(query, rows, source=Source.PIPELINE, rollup=rollup)


async def _aggregated(
    database: Database, query: QueryInput, compiled: Compiled, *, limits: QueryLimits
) -> list[dict[str, Any]]:
    try:
        cursor = await database[USERS].aggregate(
            compiled.pipeline, maxTimeMS=limits.timeout_ms, allowDiskUse=False, comment="analytics query"
        )
        async with cursor:
            found = [_row(each, query) async for each in cursor]
    except ExecutionTimeout as exc:
        raise QueryTimedOutError(timeout_ms=limits.timeout_ms) from exc
    except OperationFailure as exc:
        if exc.code in _OUT_OF_MEMORY:
            raise QueryTooExpensiveError(
                "the query needs more than 100 MB of memory: use fewer dimensions or a longer `time.bucket`"
            ) from exc
        if exc.code == _UNKNOWN_ZONE:
            error = FieldError(
                pointer="/time/timezone", code="not_in_language", detail="MongoDB does not know this time zone"
            )
            raise InvalidInputError((error,)) from exc
        raise
    return found or ([] if _has_keys(query) else [_nothing(query)])


def _row(row: Mapping[str, Any], query: QueryInput) -> dict[str, Any]:
    key = row["_id"] or {}
    keys = {name: key[computed_name(name)] for name in query.dimensions}
    if query.time.bucket is not None:
        keys[BUCKET] = _first_moment(key.get(BUCKET), query)
    return {**keys, **{name: row[f"{METRIC_PREFIX}{name}"] for name in query.metrics}}


def _first_moment(truncated: datetime | None, query: QueryInput) -> datetime | None:
    """Return the begin of the bucket that the server has cut off at.

    Of a midnight that the clocks repeat the server takes the second one, and its rules of zones may be older.
    A bucket that begins before the calendar has the first moment of the calendar.
    """
    if truncated is None or truncated <= _BEGIN or query.time.bucket is Bucket.HOUR:
        return truncated
    zone = ZoneInfo(query.time.timezone)
    try:
        # The nearest local day.
        return midnight((truncated.astimezone(zone) + _HALF_DAY).date(), zone)
    except OverflowError:
        return truncated


def _counts_removed(query: QueryInput) -> bool:
    """Tell whether removed users are counted exactly, if they count at all.

    Their share has no fields to filter by, and its registration is known to a quarter of an hour.
    """
    if not counts_deleted(query):
        return True
    bounds = (query.time.since, query.time.until)
    return not is_of_fields(query) and all(is_aligned(bound) for bound in bounds if bound is not None)


def _has_keys(query: QueryInput) -> bool:
    return bool(query.dimensions or query.time.bucket)


def _nothing(query: QueryInput) -> dict[str, Any]:
    """Return the row of no users: an aggregation without groups has none."""
    sums = dict.fromkeys(Sum, 0)
    return {name: METRICS[name].value(sums, 0) for name in query.metrics}


def _answer(query: QueryInput, rows: list[dict[str, Any]], *, source: Source, rollup: Rollup) -> QueryAnswer:
    columns = columns_of(query)
    zone = ZoneInfo(query.time.timezone)
    cells = [[_cell(row[column.name], zone) for column in columns] for row in rows[: query.limit]]
    return QueryAnswer(
        columns=columns,
        rows=cells,
        source=source,
        as_of=rollup.as_of,
        lag_s=rollup.lag_s,
        is_exact=rollup.is_exact,
        is_truncated=len(rows) > query.limit,
        metrics=metrics_of(query),
    )


def _cell(value: Any, zone: ZoneInfo) -> Cell:
    if isinstance(value, datetime):
        return _local(value.astimezone(UTC), zone).isoformat()
    return value if isinstance(value, str) else shown(value)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # Its local time is before the year 1 or after the year 9999.
        return moment


async def _explained(
    database: Database, query: QueryInput, compiled: Compiled, found: MartAnswer, limits: QueryLimits
) -> QueryAnswer:
    cost = await estimate(database, query, compiled, limits=limits)
    refused = None
    try:
        require_affordable(cost, limits=limits)
    except QueryTooExpensiveError as exc:
        refused = str(exc)
    source = Source.PIPELINE if found.rollup is None else Source.MART
    explanation = Explanation(
        source=source,
        reason=found.reason,
        estimate=cost,
        refused=refused,
        timeout_ms=limits.timeout_ms,
        pipeline=decode(dumps(compiled.pipeline, json_options=RELAXED_JSON_OPTIONS)),
    )
    rollup = found.rollup
    return QueryAnswer(
        columns=columns_of(query),
        rows=[],
        source=source,
        as_of=None if rollup is None else rollup.as_of,
        lag_s=None if rollup is None else rollup.lag_s,
        is_exact=True if rollup is None else rollup.is_exact,
        is_truncated=False,
        metrics=metrics_of(query),
        explanation=explanation,
    )
