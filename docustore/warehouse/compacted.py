"""Read the tracked attributes of compacted rows. Pure.

A compacted row of history has `undo` instead of `after` (`docustore.history.undo`): what differs from the next
state of the user. So an attribute that the undo does not name has the value of the next row.
"""

from collections.abc import Sequence
from typing import Any, Final

from docustore.users.fields import UserField

Expression = Any
_IDENTITIES: Final = "identities"
_DELETED_AT: Final = "deleted_at"
# A value in a document, so that an attribute without value differs from an attribute that an undo does not name.
_VALUE: Final = "v"


def with_states(tracked: Sequence[UserField]) -> list[dict[str, Any]]:
    """Return the stages that give compacted rows an `after` with the attributes that the warehouse reads.

    Rows that are not compacted keep theirs. All rows of a user up to its newest one must be among the input.
    """
    paths = [*(field.path for field in tracked), (_DELETED_AT,)]
    known = {f"known_{number}": _known(path) for number, path in enumerate(paths)} | {"known_at": _KNOWN_AT}
    after: dict[str, Any] = {_IDENTITIES: [{"modified_at": f"$known_at.{_VALUE}"}]}
    for number, path in enumerate(paths):
        inner = after
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = f"$known_{number}.{_VALUE}"
    return [
        # First, and without a stage before it: so the rows are read in the order of their index, and not sorted.
        {
            "$setWindowFields": {
                "partitionBy": "$user_id",
                # The next state of a user comes before the one that it replaced.
                "sortBy": {"_id": -1},
                "output": {name: {"$locf": value} for name, value in known.items()},
            }
        },
        {"$set": {"after": {"$cond": [_IS_COMPACTED, after, "$after"]}}},
        {"$unset": [*known]},
    ]


def _known(path: tuple[str, ...]) -> Expression:
    stored = {_VALUE: {"$ifNull": [f"$after.{'.'.join(path)}", None]}}
    return {"$cond": [_IS_COMPACTED, _undone(path, "$undo"), stored]}


def _undone(path: tuple[str, ...], undo: str) -> Expression:
    """Read what an undo says of one path; null if it does not name it."""
    name, rest = path[0], path[1:]
    branches: list[dict[str, Any]] = [
        {
            "case": {"$ne": [{"$type": f"{undo}.set.{name}"}, "missing"]},
            "then": {_VALUE: {"$ifNull": [f"{undo}.set.{'.'.join(path)}", None]}},
        },
        {"case": {"$in": [name, {"$ifNull": [f"{undo}.unset", []]}]}, "then": {_VALUE: None}},
    ]
    if rest:
        inner = f"{undo}.within.{name}"
        branches.append({"case": {"$eq": [{"$type": inner}, "object"]}, "then": _undone(rest, inner)})
    return {"$switch": {"branches": branches, "default": None}}


_IS_COMPACTED: Final = {"$eq": [{"$type": "$undo"}, "object"]}
# Of the identities only the newest time counts.
_KNOWN_AT: Final = {
    "$cond": [
        _IS_COMPACTED,
        {
            "$switch": {
                "branches": [
                    {
                        "case": {"$ne": [{"$type": f"$undo.set.{_IDENTITIES}"}, "missing"]},
                        "then": {_VALUE: {"$max": f"$undo.set.{_IDENTITIES}.modified_at"}},
                    },
                    {
                        "case": {"$in": [_IDENTITIES, {"$ifNull": ["$undo.unset", []]}]},
                        "then": {_VALUE: None},
                    },
                ],
                "default": None,
            }
        },
        {_VALUE: {"$max": f"$after.{_IDENTITIES}.modified_at"}},
    ]
}
