"""The places of versions among the versions of their user. Pure.

They are expressions of MongoDB.

A place is `{at, mark}`. `at` is a time. `mark` orders the versions of one time: the source of the record, its id
and the digest of its values, with tabs between them, as `docustore.etl.late` makes it. An end has `~` instead of a
digest, and a change without a record is `~` alone. So the greater place counts, by the rules of ADR 0004.
"""

from typing import Any, Final

from docustore.etl.late import END
from docustore.users.identities import LOCAL_SOURCE

Expression = Any
# The mark of a change that no record made; greater than that of a record.
NO_RECORD: Final = END
_SEPARATOR: Final = "\t"


def newest_place(identities: str) -> Expression:
    """Return the greatest place of some identities; null without a sound one.

    Another client may have stored anything instead of identities.

    Args:
        identities: The path of the list, such as `$after.identities`.
    """
    places = {"$map": {"input": identities, "as": "each", "in": _PLACE_OF_EACH}}
    return {"$cond": [{"$isArray": [identities]}, {"$max": places}, None]}


def is_end(mark: str) -> Expression:
    """Tell whether the mark at a path is that of an end."""
    return {"$regexMatch": {"input": mark, "regex": f"{_SEPARATOR}{END}$"}}


def record_of(mark: str) -> Expression:
    """Return source and id of a mark, as a list.

    The list has another length if no record made the change.
    """
    return {"$slice": [{"$split": [mark, _SEPARATOR]}, 2]}


def _is_type(path: str, name: str) -> Expression:
    return {"$eq": [{"$type": path}, name]}


_IS_ENDED: Final = {
    "$and": [_is_type("$$each.deleted_at", "date"), {"$gte": ["$$each.deleted_at", "$$each.modified_at"]}]
}
_MARK: Final = {
    "$concat": [
        {"$replaceOne": {"input": "$$each.key", "find": ":", "replacement": _SEPARATOR}},
        _SEPARATOR,
        {
            "$switch": {
                "branches": [
                    {"case": _IS_ENDED, "then": END},
                    {"case": _is_type("$$each.hash", "string"), "then": "$$each.hash"},
                ],
                "default": "",
            }
        },
    ]
}
_IS_LOCAL: Final = {"$eq": [{"$indexOfBytes": ["$$each.key", f"{LOCAL_SOURCE}:"]}, 0]}
_PLACE_OF_EACH: Final = {
    "$switch": {
        "branches": [
            {
                "case": {
                    "$not": [{"$and": [_is_type("$$each.key", "string"), _is_type("$$each.modified_at", "date")]}]
                },
                "then": None,
            },
            {"case": _IS_LOCAL, "then": {"at": "$$each.modified_at", "mark": NO_RECORD}},
        ],
        "default": {"at": {"$cond": [_IS_ENDED, "$$each.deleted_at", "$$each.modified_at"]}, "mark": _MARK},
    }
}
