"""Make the spans of `dim_user` from the versions of one user. Pure.

The stages get one document per change and per late version of one user. They order them by their places, so the
order of arrival does not matter. A late version has the state of its record. The state after an end is that of the
newest version that still counts then: a late version may have changed which one that is.
"""

from typing import Any, Final

from docustore.exports.columns import column_of
from docustore.users.fields import UserField
from docustore.users.profile import UserStatus
from docustore.warehouse.places import NO_RECORD, is_end, record_of
from docustore.warehouse.versions import (
    EFFECTIVE_AT,
    IS_PRESENT,
    LOCAL_ROLES,
    PLACE,
    RECORDED_AT,
    attributes,
    known_values,
)

Expression = Any
Pipeline = list[dict[str, Any]]
# How many versions before an end are looked at. Each document of the view holds so many while it is computed.
MAX_PAST: Final = 500
# The order of the index `user_sequence`, so that these sorts cost nothing.
_LATEST_FIRST: Final = {"_id": -1}
_UNTIL_NOW: Final = {"documents": ["current", "unbounded"]}
_IN_ORDER: Final = {"place": 1, "is_late": -1, "_id": 1}
_EVERYWHERE: Final = {"documents": ["unbounded", "unbounded"]}
_PAST: Final = {"documents": [-MAX_PAST, -1]}
_VERSION, _END, _CHANGE = "version", "end", "change"


def late_stages(tracked: tuple[UserField, ...]) -> Pipeline:
    """Make the documents of late versions from those that are stored."""
    return [
        {
            "$project": {
                "place": {"at": "$at", "mark": "$mark"},
                "recorded_at": 1,
                "is_late": {"$literal": True},
                "state": {"$cond": [{"$eq": [{"$type": "$values"}, "object"]}, values_of_record(tracked), None]},
            }
        }
    ]


def values_of_record(tracked: tuple[UserField, ...]) -> Expression:
    """Read the tracked attributes, by column, from the values of a late version."""
    return {column_of(field).name: {"$ifNull": [f"$values.{field.name}", None]} for field in tracked}


def change_stages(tracked: tuple[UserField, ...]) -> Pipeline:
    """Make the documents of changes from the rows of one user."""
    # A compacted row says only how it differs from the next one: what it does not say is carried over from there.
    carried = {name: {"$locf": known} for name, known in known_values(tracked).items()}
    # A record that is older than the change before it, such as one that has come back, took effect when it was
    # recorded. One of the same time replaces that change.
    begin = {"$cond": [{"$eq": [EFFECTIVE_AT, "$reached.at"]}, "$reached.at", RECORDED_AT]}
    own_place = {"$cond": [{"$eq": [PLACE, "$reached"]}, PLACE, {"at": begin, "mark": NO_RECORD}]}
    return [
        _windows(carried, order=_LATEST_FIRST),
        _windows({"reached": {"$max": PLACE, "window": _UNTIL_NOW}}, order=_LATEST_FIRST),
        # No change is before the one that it followed.
        _windows({"place": {"$max": own_place, "window": _UNTIL_NOW}}, order=_LATEST_FIRST),
        {
            "$project": {
                "place": 1,
                "recorded_at": RECORDED_AT,
                "is_late": {"$literal": False},
                "local_roles": LOCAL_ROLES,
                # Null for a user that does not exist: its absence is a version too.
                "state": {"$cond": [IS_PRESENT, attributes(tracked), None]},
            }
        },
    ]


def timeline_stages(columns: list[str]) -> Pipeline:
    """Make spans from the changes and the late versions of one user.

    Shape: from `{_id, place, recorded_at, is_late, local_roles, state}` to `{_id, place, valid_to, recorded_at,
    state}`. `place` is that of `docustore.warehouse.places`, `state` the tracked attributes, null for a user that
    does not exist. `local_roles` is absent in late versions.
    """
    kind = {
        "$switch": {
            "branches": [
                {"case": is_end("$place.mark"), "then": _END},
                {"case": {"$eq": ["$place.mark", NO_RECORD]}, "then": _CHANGE},
            ],
            "default": _VERSION,
        }
    }
    is_end_ = {"$eq": ["$kind", _END]}
    return [
        {"$set": {"kind": kind}},
        _windows(
            {
                "is_known": {"$max": {"$not": ["$is_late"]}, "window": _EVERYWHERE},
                "has_late": {"$max": "$is_late", "window": _EVERYWHERE},
                "has_end": {"$max": is_end_, "window": _EVERYWHERE},
                "was_present": {"$locf": {"$cond": ["$is_late", None, {"$ne": ["$state", None]}]}},
                "had_roles": {"$locf": {"$cond": ["$is_late", None, "$local_roles"]}},
                "following": {"$shift": {"output": "$place", "by": 1, "default": None}},
            }
        ),
        # The user of a late version is stored after it.
        {"$match": {"is_known": True}},
        {"$set": {"state": {"$cond": ["$is_late", _late_state(columns), "$state"]}}},
        _windows({"past": {"$push": _event_if_needed(), "window": _PAST}}),
        {
            "$set": {
                "state": {
                    "$cond": [
                        # The last change of a user has the attributes of the user in the store.
                        {"$and": ["$has_late", is_end_, {"$ne": ["$following", None]}]},
                        _state_after_end(columns),
                        "$state",
                    ]
                }
            }
        },
        *_spans(),
    ]


def _spans() -> Pipeline:
    return [
        _windows({"next_from": {"$shift": {"output": "$place.at", "by": 1}}}),
        {"$match": {"$expr": {"$ne": ["$place.at", "$next_from"]}}},
        _windows({"previous": {"$shift": {"output": "$state", "by": -1, "default": None}}}),
        {"$match": {"$expr": {"$ne": ["$state", "$previous"]}}},
        _windows({"valid_to": {"$shift": {"output": "$place.at", "by": 1, "default": None}}}),
        {"$match": {"state": {"$ne": None}}},
        {"$project": {"place": 1, "valid_to": 1, "recorded_at": 1, "state": 1}},
    ]


def _windows(outputs: dict[str, Any], *, order: dict[str, int] = _IN_ORDER) -> dict[str, Any]:
    return {"$setWindowFields": {"sortBy": order, "output": outputs}}


def _late_state(columns: list[str]) -> Expression:
    """Return the state of a late version.

    A user that was deleted then had no state, and the roles that the API had given are its roles too.
    """
    state: Expression = "$state"
    if "roles" in columns:
        had = {"$cond": [{"$isArray": ["$had_roles"]}, "$had_roles", []]}
        more = {"$filter": {"input": had, "as": "role", "cond": {"$not": [{"$in": ["$$role", "$state.roles"]}]}}}
        state = {"$mergeObjects": ["$state", {"roles": {"$concatArrays": ["$state.roles", more]}}]}
    is_absent = {"$or": [{"$eq": ["$was_present", False]}, {"$eq": ["$state", None]}]}
    return {"$cond": [is_absent, None, state]}


def _event_if_needed() -> Expression:
    """Return what an end needs to know of an earlier version.

    Most users need nothing.
    """
    event = {"place": "$place", "kind": "$kind", "state": "$state"}
    return {"$cond": [{"$and": ["$has_late", "$has_end"]}, event, "$$REMOVE"]}


def _state_after_end(columns: list[str]) -> Expression:
    """Return the state after an end, from the versions before it.

    It is that of the newest version whose record has not ended, or of a later change by another writer. If all
    records have ended, the newest version stays, and is inactive.
    """
    this = record_of("$place.mark")
    # The last version or end of each record.
    lasts = {
        "$reduce": {
            "input": _past_of([_VERSION, _END]),
            "initialValue": [],
            "in": {
                "$concatArrays": [
                    {
                        "$filter": {
                            "input": "$$value",
                            "as": "other",
                            "cond": {"$ne": [record_of("$$other.place.mark"), record_of("$$this.place.mark")]},
                        }
                    },
                    ["$$this"],
                ]
            },
        }
    }
    is_live = {"$and": [{"$eq": ["$$each.kind", _VERSION]}, {"$ne": [record_of("$$each.place.mark"), this]}]}
    ended: Expression = "$$newest.state"
    if "status" in columns:
        inactive = {"$mergeObjects": ["$$newest.state", {"status": UserStatus.INACTIVE.value}]}
        ended = {"$cond": [{"$eq": [{"$type": "$$newest.state"}, "object"]}, inactive, None]}
    return {
        "$let": {
            "vars": {
                # The place comes first, so the greatest document is the newest version.
                "live": {"$max": {"$filter": {"input": lasts, "as": "each", "cond": is_live}}},
                "change": {"$last": _past_of([_CHANGE])},
                "newest": {"$last": _past_of([_VERSION, _CHANGE])},
            },
            "in": {
                "$switch": {
                    "branches": [
                        {
                            "case": {"$eq": [{"$ifNull": ["$$live", None]}, None]},
                            "then": {"$ifNull": [ended, None]},
                        },
                        {"case": {"$gt": ["$$change.place", "$$live.place"]}, "then": "$$change.state"},
                    ],
                    "default": "$$live.state",
                }
            },
        }
    }


def _past_of(kinds: list[str]) -> Expression:
    return {"$filter": {"input": "$past", "as": "each", "cond": {"$in": ["$$each.kind", kinds]}}}
