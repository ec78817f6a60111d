"""Expressions of MongoDB that read a row of `user_history`. Pure.

What a row says about its user is read here only, for the views and for the export. A row has the state after its
change (`after`), or it is compacted and has an undo: how its state differs from the next state of the user
(`docustore.history.undo`). So the values of a compacted row are those of the next row, where its undo names no
other.
"""

from typing import Any, Final

from docustore.exports.columns import column_of
from docustore.users.fields import UserField

Expression = Any
_ETL_PREFIX: Final = "etl:"
# A row that records a state found by comparison, not a change: it says nothing about the time of a change.
_FOUND: Final = ["snapshot", "recovered"]
_STATE: Final = "after"
_UNDO: Final = "undo"
_MODIFIED_AT: Final = ("identities", "modified_at")
# The fields of `known_values` beside the attributes.
_PREFIX: Final = "known_"
_NEWEST: Final = "newest_record"
_DELETED: Final = "deleted_at"

# When the store committed the change.
RECORDED_AT: Final[Expression] = "$valid_from"
IS_COMPACTED: Final[Expression] = {"$eq": [{"$type": f"${_UNDO}"}, "object"]}


def known_values(fields: tuple[UserField, ...]) -> dict[str, Expression]:
    """Read what a row itself says of each value: `{v: value}`, or null where a later row says it.

    Shape: by field name, as `value_of` reads them.
    """
    values = {f"{_PREFIX}{column_of(field).name}": _known(field.path) for field in fields}
    values[f"{_PREFIX}{_DELETED}"] = _known((_DELETED,))
    values[f"{_PREFIX}{_NEWEST}"] = _known(_MODIFIED_AT[:1], leaf=_MODIFIED_AT[1])
    return values


def attributes(fields: tuple[UserField, ...]) -> dict[str, Expression]:
    """Read all tracked attributes, by column; null for one that the user does not have."""
    return {name: _value(name) for name in (column_of(field).name for field in fields)}


def _value(name: str) -> Expression:
    return {"$ifNull": [f"${_PREFIX}{name}.v", None]}


# Whether the user exists after the change: it was neither removed nor marked as deleted.
IS_PRESENT: Final[Expression] = {
    "$and": [
        {"$or": [IS_COMPACTED, {"$eq": [{"$type": f"${_STATE}"}, "object"]}]},
        {"$eq": [_value(_DELETED), None]},
    ]
}
# When the change happened. A change by the ETL happened when the upstream system says so: the newest record of the
# user. That is never later than the store knew of it.
EFFECTIVE_AT: Final[Expression] = {
    "$cond": [
        {
            "$and": [
                {"$eq": [{"$indexOfBytes": ["$source", _ETL_PREFIX]}, 0]},
                {"$not": [{"$in": ["$operation", _FOUND]}]},
                {"$eq": [{"$type": _value(_NEWEST)}, "date"]},
            ]
        },
        {"$min": [_value(_NEWEST), RECORDED_AT]},
        RECORDED_AT,
    ]
}


def _known(path: tuple[str, ...], *, leaf: str = "") -> Expression:
    """Read a value of the state, or of the undo.

    Args:
        leaf: A field of the elements of a list; the greatest one is the value.
    """
    return {"$cond": [IS_COMPACTED, _of_undo(path, _UNDO, leaf), _given(f"{_STATE}.{'.'.join(path)}", leaf)]}


def _of_undo(path: tuple[str, ...], undo: str, leaf: str) -> Expression:
    name, *rest = path
    branches = [
        {
            "case": {"$ne": [{"$type": f"${undo}.set.{name}"}, "missing"]},
            "then": _given(f"{undo}.set.{'.'.join(path)}", leaf),
        },
        {"case": {"$in": [name, {"$ifNull": [f"${undo}.unset", []]}]}, "then": {"v": None}},
    ]
    if rest:
        inner = f"{undo}.within.{name}"
        case = {"$eq": [{"$type": f"${inner}"}, "object"]}
        branches.append({"case": case, "then": _of_undo(tuple(rest), inner, leaf)})
    return {"$switch": {"branches": branches, "default": None}}


def _given(path: str, leaf: str) -> Expression:
    value: Expression = {"$max": f"${path}.{leaf}"} if leaf else f"${path}"
    return {"v": {"$ifNull": [value, None]}}
