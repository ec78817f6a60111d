"""The tables of the warehouse's files: columns, and the query for them. Pure.

`user_versions` has one row per change with the tracked attributes after it, and one per late version; `dim_user`
is derived from it by a view of the reader (`docustore.warehouse.duckdb_views`). `user_events` is the fact table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from docustore.exports.columns import FITS, Column, ColumnKind, column_of
from docustore.users.fields import UserField
from docustore.warehouse.timeline import values_of_record
from docustore.warehouse.versions import (
    EFFECTIVE_AT,
    IS_COMPACTED,
    IS_PRESENT,
    LOCAL_ROLES,
    MARK,
    RECORDED_AT,
    attributes,
    known_values,
)
from docustore.warehouse.views import Pipeline, event_columns

USER_VERSIONS: Final = "user_versions"
USER_EVENTS: Final = "user_events"
COMPACTED: Final = "is_compacted"
_EVENT: Final = "_event"
_ATTRIBUTES: Final = "_attributes"


def _column(name: str, kind: ColumnKind, *within: str) -> Column:
    return Column(name=name, kind=kind, path=(*within, name))


_KEYS: Final = (
    Column(name="seq", kind=ColumnKind.WHOLE_NUMBER, path=("_id",)),
    _column("user_id", ColumnKind.TEXT),
    _column("recorded_at", ColumnKind.TIME),
)
_VERSION: Final = (
    _column("is_late", ColumnKind.FLAG),
    _column("effective_at", ColumnKind.TIME),
    _column("mark", ColumnKind.TEXT),
    _column("is_present", ColumnKind.FLAG),
    _column("local_roles", ColumnKind.LABELS),
)
_FACTS: Final = (
    _column("date_key", ColumnKind.WHOLE_NUMBER, _EVENT),
    _column("event", ColumnKind.TEXT, _EVENT),
    _column("operation", ColumnKind.TEXT, _EVENT),
    _column("source", ColumnKind.TEXT, _EVENT),
    _column("changed", ColumnKind.LABELS, _EVENT),
    _column("status_before", ColumnKind.OPTIONAL_TEXT, _EVENT),
    _column("status_after", ColumnKind.OPTIONAL_TEXT, _EVENT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its columns in order."""

    name: str
    columns: tuple[Column, ...]

    def row_of(self, found: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values of one document of `rows_pipeline`."""
        return tuple(_fit(column)(_at(found, column.path)) for column in self.columns)


def tables(tracked: tuple[UserField, ...]) -> tuple[Table, ...]:
    """List the tables."""
    own = tuple(
        Column(
            name=column_of(field).name, kind=_nullable(column_of(field).kind), path=(_ATTRIBUTES, field.path[-1])
        )
        for field in tracked
    )
    return (
        Table(name=USER_VERSIONS, columns=(*_KEYS, *_VERSION, *own)),
        Table(name=USER_EVENTS, columns=(*_KEYS, *_FACTS)),
    )


def rows_pipeline(tracked: tuple[UserField, ...], *, after: int, until: int) -> Pipeline:
    """Read the changes with the numbers `after` + 1 to `until`, in their order.

    `is_compacted` marks a row whose state is in later rows; its attributes are not those of the user.
    """
    return [{"$match": {"_id": {"$gt": after, "$lte": until}}}, {"$sort": {"_id": 1}}, *row_stages(tracked)]


def row_stages(tracked: tuple[UserField, ...]) -> Pipeline:
    """Make the rows of all tables from rows of history."""
    return [
        {"$addFields": known_values(tracked)},
        {
            "$project": {
                "user_id": 1,
                "event_id": 1,
                COMPACTED: IS_COMPACTED,
                "recorded_at": RECORDED_AT,
                "is_late": {"$literal": False},
                "effective_at": EFFECTIVE_AT,
                "mark": MARK,
                "is_present": IS_PRESENT,
                "local_roles": LOCAL_ROLES,
                _ATTRIBUTES: attributes(tracked),
                _EVENT: event_columns(),
            }
        },
    ]


def late_pipeline(tracked: tuple[UserField, ...], *, after: int, until: int) -> Pipeline:
    """Read late versions as rows of `user_versions`.

    Those with the numbers `after` + 1 to `until`, in their order.
    """
    is_version = {"$eq": [{"$type": "$values"}, "object"]}
    return [
        {"$match": {"number": {"$gt": after, "$lte": until}}},
        {"$sort": {"number": 1}},
        {
            "$project": {
                "_id": "$number",
                "user_id": 1,
                "recorded_at": 1,
                "is_late": {"$literal": True},
                "effective_at": "$at",
                "mark": 1,
                "is_present": is_version,
                _ATTRIBUTES: {"$cond": [is_version, values_of_record(tracked), None]},
            }
        },
    ]


def _nullable(kind: ColumnKind) -> ColumnKind:
    # A user that does not exist has no attributes.
    return ColumnKind.OPTIONAL_TEXT if kind is ColumnKind.TEXT else kind


def _fit(column: Column) -> Callable[[Any], Any]:
    if column.kind is ColumnKind.LABELS:
        return lambda value: FITS[ColumnKind.LABELS](value) if isinstance(value, list) else None
    return FITS[column.kind]


def _at(found: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = found
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
