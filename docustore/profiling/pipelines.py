"""The questions of a profile, as aggregation pipelines. Pure.

The memory of the server stays bounded: a group has at most as many entries as there are registers, or as the
field has distinct values, which the estimate shows to be few.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from docustore.profiling.distinct import REGISTERS, REST_BITS
from docustore.profiling.fields import BSON_TYPES, Kind, ProfiledField

Pipeline = list[dict[str, Any]]
Expression = dict[str, Any]

# Longer texts are counted, not read. Cutting them on the server fails for texts that are not UTF-8.
READ_BYTES: Final = 800
_FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC, microsecond=999_000)
_NULLS: Final = ("null", "undefined")
# A part of the ids, by their hash: every pipeline of a profile sees the same users.
_SHARES: Final = 1_000_000


def sampled(share: float) -> Pipeline:
    """Select users that are not deleted.

    Args:
        share: The part of the users, above 0; 1 = all.
    """
    is_present: Expression = {"$in": [{"$type": "$deleted_at"}, ["missing", *_NULLS]]}
    if share >= 1:
        return [{"$match": {"$expr": is_present}}]
    place = {"$abs": {"$mod": [{"$toHashedIndexKey": "$_id"}, _SHARES]}}
    return [{"$match": {"$expr": {"$and": [{"$lt": [place, share * _SHARES]}, is_present]}}}]


def shape_pipeline(fields: Sequence[ProfiledField]) -> Pipeline:
    """Count nulls, types and lengths of all fields in one pass.

    Shape of the one result: `users`, and `{number}_{figure}` for each field by its number.
    """
    figures: Expression = {"_id": None, "users": {"$sum": 1}}
    for number, field in enumerate(fields):
        figures |= {f"{number}_{name}": figure for name, figure in _figures(field).items()}
    return [{"$group": figures}]


def _figures(field: ProfiledField) -> Expression:
    kind = {"$type": field.path}
    is_fitting = {"$in": [kind, list(BSON_TYPES[field.kind])]}
    figures: Expression = {
        "missing": _count({"$eq": [kind, "missing"]}),
        "null": _count({"$in": [kind, list(_NULLS)]}),
        "fitting": _count(is_fitting),
    }
    if field.kind in {Kind.TEXT, Kind.LIST}:
        measure = {"$strLenCP": field.path} if field.kind is Kind.TEXT else {"$size": field.path}
        length = {"$cond": [is_fitting, measure, None]}
        figures |= {
            "empty": _count({"$and": [is_fitting, {"$in": [field.path, ["", []]]}]}),
            "shortest": {"$min": length},
            "longest": {"$max": length},
            "average": {"$avg": length},
        }
    if field.kind is Kind.TIME:
        is_time = {"$and": [is_fitting, _is_in_calendar(field.path)]}
        time = {"$cond": [is_time, field.path, None]}
        figures |= {"earliest": {"$min": time}, "latest": {"$max": time}}
    return figures


def registers_pipeline(field: ProfiledField) -> Pipeline:
    """Compute the registers of HyperLogLog over the values of a field.

    Shape: `{"_id": register, "rank": rank}`.
    """
    rest = {"$mod": [{"$floor": {"$divide": [{"$subtract": ["$hash", "$register"]}, REGISTERS]}}, 2**REST_BITS]}
    positive = {"$cond": [{"$lt": ["$rest", 0]}, {"$add": ["$rest", 2**REST_BITS]}, "$rest"]}
    rank = {
        "$cond": [
            {"$lte": ["$rest", 0]},
            REST_BITS + 1,
            {"$subtract": [REST_BITS, {"$floor": {"$log": ["$rest", 2]}}]},
        ]
    }
    remainder = {"$mod": ["$hash", REGISTERS]}
    return [
        *_values(field),
        {"$project": {"_id": 0, "hash": {"$toHashedIndexKey": "$value"}}},
        {"$set": {"register": {"$mod": [{"$add": [remainder, REGISTERS]}, REGISTERS]}}},
        {"$set": {"rest": rest}},
        {"$set": {"rest": positive}},
        {"$group": {"_id": "$register", "rank": {"$max": rank}}},
    ]


def counts_pipeline(field: ProfiledField, *, limit: int) -> Pipeline:
    """Count each value of a field, the most frequent first.

    Shape: `{"_id": hash, "value": value, "users": count}`; `value` is null for a text above `READ_BYTES` and
    for a time beyond the calendar.
    """
    return [
        *_values(field),
        {"$group": {"_id": {"$toHashedIndexKey": "$value"}, "value": {"$first": _read()}, "users": {"$sum": 1}}},
        {"$sort": {"users": -1, "value": 1}},
        {"$limit": limit},
    ]


def sample_pipeline(field: ProfiledField, *, limit: int) -> Pipeline:
    """Read some values of a field.

    Shape: `{"value": value}`; null as in `counts_pipeline`.
    """
    return [*_values(field), {"$limit": limit}, {"$project": {"_id": 0, "value": _read()}}]


def _values(field: ProfiledField) -> Pipeline:
    """Give the values of a field that fit its kind.

    Of a list, each text is one, and only once for each user.
    """
    fitting: Expression = {"$in": [{"$type": field.path}, list(BSON_TYPES[field.kind])]}
    stages: Pipeline = [{"$match": {"$expr": fitting}}, {"$project": {"_id": 0, "value": field.path}}]
    if field.kind is Kind.LIST:
        is_text = {"$expr": {"$eq": [{"$type": "$value"}, "string"]}}
        different = {"$set": {"value": {"$setUnion": ["$value", []]}}}
        return [*stages, different, {"$unwind": "$value"}, {"$match": is_text}]
    return [*stages, {"$match": {"value": {"$ne": ""}}}] if field.kind is Kind.TEXT else stages


def _read() -> Expression:
    is_long = {
        "$and": [
            {"$eq": [{"$type": "$value"}, "string"]},
            {"$gt": [{"$strLenBytes": "$value"}, READ_BYTES]},
        ]
    }
    is_beyond = {"$and": [{"$eq": [{"$type": "$value"}, "date"]}, {"$not": [_is_in_calendar("$value")]}]}
    return {"$cond": [{"$or": [is_long, is_beyond]}, None, "$value"]}


def _is_in_calendar(time: str) -> Expression:
    """Tell whether a time is in the years 1 to 9999; other clients may store any."""
    return {"$and": [{"$gte": [time, _FIRST_MOMENT]}, {"$lte": [time, _LAST_MOMENT]}]}


def _count(condition: Expression) -> Expression:
    return {"$sum": {"$cond": [condition, 1, 0]}}
