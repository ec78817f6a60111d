"""The live marts by full aggregation. Pure.

The rules are those of `docustore.analytics.marts`.
"""

from collections.abc import Iterable
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from docustore.analytics.marts import KNOWN_STATUSES, MAX_DATE_MS, MIN_DATE_MS, OTHER_STATUS, UserMarts
from docustore.users.profile import UserStatus

Pipeline = list[dict[str, Any]]

# Types, since `{field: null}` would also match an array that holds null.
NO_VALUE: Final = ["missing", "null", "undefined"]


def marts_pipeline() -> Pipeline:
    """Count users that are not deleted, by status and day of registration.

    Shape: `{"_id": {"status": "active", "day": "2024-05-01" | null}, "users": 3, "seconds": 5143478400}`;
    `day` is null where the registration time is unknown, `seconds` sums Unix times. Unordered. Scans the
    collection.
    """
    seconds = {"$toLong": {"$floor": {"$divide": [{"$toLong": "$registered"}, 1000]}}}
    return [
        {"$match": {"$expr": {"$in": [{"$type": "$deleted_at"}, NO_VALUE]}}},
        {"$project": {"status": counted_status_expression(), "registered": registered_expression()}},
        {
            "$group": {
                "_id": {
                    "status": "$status",
                    "day": {"$dateToString": {"date": "$registered", "format": "%Y-%m-%d"}},
                },
                "users": {"$sum": 1},
                "seconds": {"$sum": seconds},
            }
        },
    ]


def marts_from_groups(groups: Iterable[dict[str, Any]]) -> UserMarts:
    """Sum the groups of `marts_pipeline`; return the marts in normal form."""
    marts = UserMarts()
    for group in groups:
        status, day, users = group["_id"]["status"], group["_id"]["day"], group["users"]
        marts.total += users
        marts.by_status[status] = marts.by_status.get(status, 0) + users
        if day is not None:
            marts.dated += users
            marts.created_at_sum_s += group["seconds"]
            marts.registrations[day] = marts.registrations.get(day, 0) + users
    return marts.without_zeros()


def counted_status_expression(field: str = "$status") -> dict[str, Any]:
    """Return the status that a user counts for; see `marts.counted_status`."""
    return {
        "$switch": {
            "branches": [
                {"case": {"$in": [field, list(KNOWN_STATUSES)]}, "then": field},
                {"case": {"$in": [{"$type": field}, NO_VALUE]}, "then": UserStatus.ACTIVE.value},
            ],
            "default": OTHER_STATUS,
        }
    }


def registered_expression() -> dict[str, Any]:
    """Return the registration time; see `marts.registered_ms`."""
    return {
        "$switch": {
            "branches": [
                {"case": is_calendar_date("$created_at"), "then": "$created_at"},
                {"case": {"$eq": [{"$type": "$_id"}, "objectId"]}, "then": {"$toDate": "$_id"}},
            ],
            "default": None,
        }
    }


def is_calendar_date(field: str) -> dict[str, Any]:
    """Tell whether a field is a time of the years 1 to 9999."""
    return {
        "$and": [
            {"$eq": [{"$type": field}, "date"]},
            {"$gte": [field, DatetimeMS(MIN_DATE_MS)]},
            {"$lte": [field, DatetimeMS(MAX_DATE_MS)]},
        ]
    }
