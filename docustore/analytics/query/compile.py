"""Compile a query to an aggregation over `users`. Pure.

The pipeline has a fixed shape: match, project, match, bucket, unwind, group, metrics, sort, limit. Names in it
come from closed lists, values from filters.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.analytics.cube.slots import SLOT_MS
from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.expressions import completeness_expression
from docustore.analytics.marts import MAX_DATE_MS, MIN_DATE_MS
from docustore.analytics.pipelines import NO_VALUE, Pipeline, registered_expression
from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.filters import (
    computed_name,
    dimension_conditions,
    field_conditions,
    filtered_dimensions,
    narrowing_conditions,
)
from docustore.analytics.query.metrics import METRICS, Sum, sums_for
from docustore.analytics.query.model import Bucket, Direction, QueryInput, TimeRange

METRIC_PREFIX: Final = "m_"
_REGISTERED: Final = "registered"
_IS_PRESENT: Final = {"$in": [{"$type": "$deleted_at"}, NO_VALUE]}
_IS_DATED: Final = {"$ne": [f"${_REGISTERED}", None]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A pipeline over `users`.

    `match` is its first condition, the only one that an index can serve. Shape of a row: `{"_id": {"bucket": time
    or null, "d_status": "active"}, "m_users": 3}`; `_id` is null without bucket and dimensions.
    """

    match: dict[str, Any]
    pipeline: Pipeline


def compile_query(query: QueryInput, *, now: datetime) -> Compiled:
    """Compile a query; the rows have its order, one more than its limit."""
    match = _match(query)
    stages: Pipeline = [{"$match": match}] if match else []
    stages += [
        {"$project": _computed(query)},
        *_removed(query),
        *_conditions(query),
        *({"$unwind": f"${computed_name(name)}"} for name in multi_valued(query)),
        {"$group": {"_id": _key(query), **_sums(query)}},
        {"$project": _metrics(query, now_s=now.timestamp())},
        {"$sort": sort_of(query)},
        {"$limit": query.limit + 1},
    ]
    return Compiled(match=match, pipeline=stages)


def multi_valued(query: QueryInput) -> tuple[str, ...]:
    """List the dimensions of a query of which a user may have several values."""
    return tuple(name for name in query.dimensions if DIMENSIONS[name].is_multi_valued)


def order_of(query: QueryInput) -> dict[str, Direction]:
    """Return every column that orders the rows, so that no two rows are equal.

    Without an order, rows come by bucket, or by the first metric, the largest first.
    """
    given = {each.by: each.direction for each in reversed(query.order)}
    given = {name: given[name] for name in dict.fromkeys(each.by for each in query.order)}
    if not given and query.time.bucket is None:
        given = {query.metrics[0]: Direction.DESC}
    keys = [*([BUCKET] if query.time.bucket else []), *query.dimensions]
    return given | {name: Direction.ASC for name in keys if name not in given}


def sort_of(query: QueryInput) -> dict[str, int]:
    """Return the specification of `$sort`."""
    return {_path(name): 1 if direction is Direction.ASC else -1 for name, direction in order_of(query).items()}


def _path(column: str) -> str:
    if column in METRICS:
        return f"{METRIC_PREFIX}{column}"
    return f"_id.{BUCKET if column == BUCKET else computed_name(column)}"


def _match(query: QueryInput) -> dict[str, Any]:
    conditions = [
        *field_conditions(query.filters),
        *narrowing_conditions(query.filters),
        *_registration_conditions(query.time),
    ]
    if not any(METRICS[name].counts_deleted for name in query.metrics):
        conditions.append({"$expr": _IS_PRESENT})
    return {"$and": conditions} if conditions else {}


def _registration_conditions(time: TimeRange) -> list[dict[str, Any]]:
    """Let an index find the users of a range.

    It also finds those whose time is not that of `created_at`. The time itself is compared later.
    """
    bounds = _bounds(time)
    if not bounds:
        return []
    elsewhere = [None, {"$lt": DatetimeMS(MIN_DATE_MS)}, {"$gt": DatetimeMS(MAX_DATE_MS)}, {"$type": _NO_DATES}]
    return [{"$or": [{"created_at": bounds}, *({"created_at": each} for each in elsewhere)]}]


# Every other type: an index finds the values of listed types only.
_NO_DATES: Final = [
    "string", "number", "object", "array", "binData", "objectId", "bool", "regex", "timestamp", "javascript",
    "javascriptWithScope", "symbol", "dbPointer", "minKey", "maxKey",
]  # fmt: skip


def _bounds(time: TimeRange) -> dict[str, datetime]:
    return {
        operator: bound for operator, bound in (("$gte", time.since), ("$lt", time.until)) if bound is not None
    }


def _computed(query: QueryInput) -> dict[str, Any]:
    sums = sums_for(query.metrics)
    names = dict.fromkeys([*query.dimensions, *filtered_dimensions(query.filters)])
    fields: dict[str, Any] = {computed_name(name): DIMENSIONS[name].expression() for name in names}
    if not query.time.is_whole or Sum.DATED in sums:
        fields[_REGISTERED] = registered_expression()
    if set(sums) - {Sum.ALL}:
        fields[Sum.PRESENT] = {"$cond": [_IS_PRESENT, 1, 0]}
    if Sum.FILLED in sums:
        fields[Sum.FILLED] = {"$toInt": completeness_expression()}
    return {"_id": 0, **fields} if fields else {"_id": 1}


def is_of_fields(query: QueryInput) -> bool:
    """Tell whether a filter names a stored field, which removed users do not have."""
    return bool(field_conditions(query.filters))


def _removed(query: QueryInput) -> Pipeline:
    """Add the users whose documents were removed, from their kept shares.

    They count as registered and as deleted, in the dimensions that they had last.
    """
    if is_of_fields(query) or not any(METRICS[name].counts_deleted for name in query.metrics):
        return []
    names = dict.fromkeys([*query.dimensions, *filtered_dimensions(query.filters)])
    fields: dict[str, Any] = {computed_name(name): _kept_values(name) for name in names}
    moment = {"$toDate": {"$multiply": [{"$toLong": "$registered"}, SLOT_MS]}}
    fields[_REGISTERED] = {"$cond": [{"$eq": ["$registered", None]}, None, moment]}
    fields[Sum.PRESENT] = {"$cond": ["$present", 1, 0]}
    pipeline = [{"$match": {"gone": True}}, {"$project": {"_id": 0, **fields}}]
    return [{"$unionWith": {"coll": USER_ANALYTICS, "pipeline": pipeline}}]


def _kept_values(name: str) -> Any:
    values = f"$values.{name}"
    return values if DIMENSIONS[name].is_multi_valued else {"$arrayElemAt": [values, 0]}


def _conditions(query: QueryInput) -> Pipeline:
    conditions = dimension_conditions(query.filters)
    if bounds := _bounds(query.time):
        conditions.append({_REGISTERED: bounds})
    stages: Pipeline = [{"$match": {"$and": conditions}}] if conditions else []
    if query.time.bucket is not None:
        stages.append({"$set": {BUCKET: _truncated(query.time, query.time.bucket)}})
    return stages


def _truncated(time: TimeRange, bucket: Bucket) -> dict[str, Any]:
    date = f"${_REGISTERED}"
    if bucket is Bucket.HOUR:
        # `$dateTrunc` counts elapsed hours, which begin beside those of the clocks if an offset was another one.
        return {"$subtract": [date, _since_the_hour({"date": date, "timezone": time.timezone})]}
    start = {"startOfWeek": time.week_start.value} if bucket is Bucket.WEEK else {}
    return {"$dateTrunc": {"date": date, "unit": bucket.value, "timezone": time.timezone, **start}}


def _since_the_hour(local: dict[str, str]) -> dict[str, Any]:
    """Return the milliseconds since the hour of the clock."""
    seconds = {"$add": [{"$multiply": [{"$minute": local}, 60]}, {"$second": local}]}
    return {"$add": [{"$multiply": [seconds, 1000]}, {"$millisecond": local}]}


def _key(query: QueryInput) -> dict[str, str] | None:
    names = [BUCKET] if query.time.bucket else []
    names += [computed_name(name) for name in query.dimensions]
    return {name: f"${name}" for name in names} or None


def _sums(query: QueryInput) -> dict[str, Any]:
    is_counted = {"$and": [{"$eq": [f"${Sum.PRESENT}", 1]}, _IS_DATED]}
    seconds = {"$toLong": {"$floor": {"$divide": [{"$toLong": f"${_REGISTERED}"}, 1000]}}}
    expressions: dict[Sum, Any] = {
        Sum.ALL: 1,
        Sum.PRESENT: f"${Sum.PRESENT}",
        Sum.DATED: {"$cond": [is_counted, 1, 0]},
        Sum.REGISTERED_S: {"$cond": [is_counted, seconds, 0]},
        Sum.FILLED: {"$multiply": [f"${Sum.PRESENT}", f"${Sum.FILLED}"]},
    }
    return {name.value: {"$sum": expressions[name]} for name in sums_for(query.metrics)}


def _metrics(query: QueryInput, *, now_s: float) -> dict[str, Any]:
    return {f"{METRIC_PREFIX}{name}": METRICS[name].expression(now_s) for name in query.metrics}
