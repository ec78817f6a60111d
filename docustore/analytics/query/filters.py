"""Filters as conditions of MongoDB. Pure.

A value stands only below `$eq`, `$in` and their like, or is escaped in an anchored expression. It is never a key.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from docustore.analytics.query.fields import FILTER_FIELDS, FieldKind, Operator
from docustore.analytics.query.model import Filter
from docustore.analytics.values import NONE, OTHER
from docustore.clock import as_utc
from docustore.users.profile import UserStatus

Condition = dict[str, Any]
DIMENSION_PREFIX: Final = "d_"
# What counts as no value: absent, null, an empty text, an empty list.
EMPTY: Final[list[Any]] = [None, "", []]
_FILLED: Final[Condition] = {"$nin": [None, ""]}
# Dimensions whose value is the text of an indexed field.
_INDEXED: Final = {"status": "status", "location": "profile.location", "role": "roles", "tag": "tags"}
_FOLDED: Final = frozenset({NONE, OTHER})
_WANTED: Final = frozenset({Operator.EQ, Operator.IN})


def field_conditions(filters: Iterable[Filter]) -> list[Condition]:
    """Return the conditions on stored fields; they may use an index."""
    return [_of_field(each) for each in filters if not _is_dimension(each)]


def narrowing_conditions(filters: Iterable[Filter]) -> list[Condition]:
    """Return conditions on indexed fields that follow from filters of dimensions.

    Every user that matches the filters meets them, and other users may. They let an index find the candidates.
    """
    found = (_narrowed(each) for each in filters if _is_dimension(each) and each.op in _WANTED)
    return [condition for condition in found if condition is not None]


def dimension_conditions(filters: Iterable[Filter]) -> list[Condition]:
    """Return the conditions on computed dimensions; see `computed_name`."""
    return [{computed_name(each.field): _compared(each)} for each in filters if _is_dimension(each)]


def filtered_dimensions(filters: Iterable[Filter]) -> tuple[str, ...]:
    """List the dimensions that filters name, each once."""
    return tuple(dict.fromkeys(each.field for each in filters if _is_dimension(each)))


def computed_name(dimension: str) -> str:
    """Name the field of a pipeline that holds the values of a dimension."""
    return f"{DIMENSION_PREFIX}{dimension}"


def wanted_values(condition: Filter) -> list[Any]:
    """Return the values of a filter as a list."""
    return list(condition.value) if isinstance(condition.value, tuple) else [condition.value]


def moment_of(condition: Filter) -> datetime:
    """Return the time of a filter on a time."""
    return as_utc(datetime.fromisoformat(condition.value.upper()))


def _is_dimension(condition: Filter) -> bool:
    return FILTER_FIELDS[condition.field] is FieldKind.DIMENSION


def _of_field(condition: Filter) -> Condition:
    if condition.op is not Operator.EXISTS:
        return {condition.field: _compared(condition)}
    return _is_given(condition.field) if condition.value else _is_missing(condition.field)


def _is_given(field: str) -> Condition:
    """Match users with a value that is not empty, or a list with such an element."""
    # A part of a list that should be a document is neither null nor given, so `$nin` alone would match it.
    given = [{field: {"$nin": EMPTY}}, {field: {"$elemMatch": _FILLED}}]
    return {"$and": [{field: {"$exists": True}}, {"$or": given}]}


def _is_missing(field: str) -> Condition:
    """Match all other users; written so that an index can serve it."""
    empty = [{field: {"$in": EMPTY}}, {field: {"$not": {"$elemMatch": _FILLED}}}]
    return {"$or": [{field: {"$exists": False}}, {"$and": empty}]}


def _compared(condition: Filter) -> Condition:
    match condition.op:
        case Operator.PREFIX:
            return {"$regex": f"^{re.escape(condition.value)}"}
        case Operator.GTE | Operator.LT:
            return {f"${condition.op}": moment_of(condition)}
        case Operator.IN | Operator.NOT_IN:
            return {"$in" if condition.op is Operator.IN else "$nin": wanted_values(condition)}
        case _:
            return {f"${condition.op}": condition.value}


def _narrowed(condition: Filter) -> Condition | None:
    field, values = _INDEXED.get(condition.field), wanted_values(condition)
    if field is None or not _FOLDED.isdisjoint(values):
        return None
    # A user without a status is active.
    missing = [None] if field == "status" and UserStatus.ACTIVE.value in values else []
    return {field: {"$in": [*values, *missing]}}
