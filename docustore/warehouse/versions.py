"""Expressions of MongoDB that read a row of `user_history`. Pure.

What a row says about its user is read here only, for the views and for the export. A row has the state after its
change (`after`), or it is compacted and has an undo: how its state differs from the next state of the user
(`docustore.history.undo`). So the values of a compacted row are those of the next row, where its undo names no
other.
"""

from collections.abc import Callable
from typing import Any, Final

from docustore.exports.columns import column_of
from docustore.users.fields import UserField
from docustore.warehouse.places import NO_RECORD, newest_place

Expression = Any
Reader = Callable[[str], Expression]
_ETL_PREFIX: Final = "etl:"
# A row that records a state found by comparison, not a change: it says nothing about the time of a change.
_FOUND: Final = ["snapshot", "recovered"]
_STATE: Final = "after"
_UNDO: Final = "undo"
# The fields of `known_values` beside the attributes.
_PREFIX: Final = "known_"
_NEWEST: Final = "newest_record"
_DELETED: Final = "deleted_at"
_LOCAL_ROLES: Final = "local_roles"

# When the store committed the change.
RECORDED_AT: Final[Expression] = "$valid_from"
IS_COMPACTED: Final[Expression] = {"$eq": [{"$type": f"${_UNDO}"}, "object"]}


def known_values(fields: tuple[UserField, ...]) -> dict[str, Expression]:
    """Read what a row itself says of each value.

    Shape: `{v: value}` by field name, as `value_of` reads them; null where a later row says it.
    """
    values = {f"{_PREFIX}{column_of(field).name}": _known(field.path) for field in fields}
    values[f"{_PREFIX}{_DELETED}"] = _known((_DELETED,))
    values[f"{_PREFIX}{_LOCAL_ROLES}"] = _known((_LOCAL_ROLES,))
    values[f"{_PREFIX}{_NEWEST}"] = _known(("identities",), read=newest_place)
    return values


def attributes(fields: tuple[UserField, ...]) -> dict[str, Expression]:
    """Read all tracked attributes, by column.

    Null stands for an attribute that the user does not have.
    """
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
# The roles that the API has given the user.
LOCAL_ROLES: Final[Expression] = _value(_LOCAL_ROLES)
_IS_OF_ETL: Final[Expression] = {
    "$and": [
        {"$eq": [{"$indexOfBytes": ["$source", _ETL_PREFIX]}, 0]},
        {"$not": [{"$in": ["$operation", _FOUND]}]},
        {"$eq": [{"$type": _value(_NEWEST)}, "object"]},
        # The time of a record may be ahead. The user has been in that state since the store knew of it.
        {"$lte": [f"${_PREFIX}{_NEWEST}.v.at", RECORDED_AT]},
    ]
}
# The place of a change among the versions of its user. A change by the ETL happened when the upstream system says
# so: at the newest version or end of a record. Any other change happened when the store committed it.
PLACE: Final[Expression] = {"$cond": [_IS_OF_ETL, _value(_NEWEST), {"at": RECORDED_AT, "mark": NO_RECORD}]}
# When the change happened.
EFFECTIVE_AT: Final[Expression] = {"$getField": {"field": "at", "input": PLACE}}
MARK: Final[Expression] = {"$getField": {"field": "mark", "input": PLACE}}


def _known(path: tuple[str, ...], *, read: Reader = lambda path: path) -> Expression:
    """Read a value of the state, or of the undo.

    Args:
        read: Makes the value from the one at a path.
    """
    return {"$cond": [IS_COMPACTED, _of_undo(path, _UNDO, read), _given(f"{_STATE}.{'.'.join(path)}", read)]}


def _of_undo(path: tuple[str, ...], undo: str, read: Reader) -> Expression:
    name, *rest = path
    branches = [
        {
            "case": {"$ne": [{"$type": f"${undo}.set.{name}"}, "missing"]},
            "then": _given(f"{undo}.set.{'.'.join(path)}", read),
        },
        {"case": {"$in": [name, {"$ifNull": [f"${undo}.unset", []]}]}, "then": {"v": None}},
    ]
    if rest:
        inner = f"{undo}.within.{name}"
        case = {"$eq": [{"$type": f"${inner}"}, "object"]}
        branches.append({"case": case, "then": _of_undo(tuple(rest), inner, read)})
    return {"$switch": {"branches": branches, "default": None}}


def _given(path: str, read: Reader) -> Expression:
    return {"v": {"$ifNull": [read(f"${path}"), None]}}
