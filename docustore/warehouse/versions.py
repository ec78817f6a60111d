"""Expressions of MongoDB that read a row of `user_history`. Pure.

What a row says about its user is read here only, for the views and for the export.
"""

from typing import Any, Final

from docustore.exports.columns import column_of
from docustore.users.fields import UserField

Expression = Any
_ETL_PREFIX: Final = "etl:"
# A row that records a state found by comparison, not a change: it says nothing about the time of a change.
_FOUND: Final = ["snapshot", "recovered"]

# When the store committed the change.
RECORDED_AT: Final[Expression] = "$valid_from"
# Whether the user exists after the change: it was neither removed nor marked as deleted.
IS_PRESENT: Final[Expression] = {
    "$and": [
        {"$eq": [{"$type": "$after"}, "object"]},
        {"$eq": [{"$ifNull": ["$after.deleted_at", None]}, None]},
    ]
}
_MODIFIED_AT: Final[Expression] = {"$max": "$after.identities.modified_at"}
# When the change happened. A change by the ETL happened when the upstream system says so: the newest record of the
# user. That is never later than the store knew of it.
EFFECTIVE_AT: Final[Expression] = {
    "$cond": [
        {
            "$and": [
                {"$eq": [{"$indexOfBytes": ["$source", _ETL_PREFIX]}, 0]},
                {"$not": [{"$in": ["$operation", _FOUND]}]},
                {"$eq": [{"$type": _MODIFIED_AT}, "date"]},
            ]
        },
        {"$min": [_MODIFIED_AT, RECORDED_AT]},
        RECORDED_AT,
    ]
}


def attribute(field: UserField) -> Expression:
    """Read a tracked attribute; null if the user does not have it."""
    return {"$ifNull": [f"$after.{field.name}", None]}


def attributes(fields: tuple[UserField, ...]) -> dict[str, Expression]:
    """Read all tracked attributes, by column."""
    return {column_of(field).name: attribute(field) for field in fields}
