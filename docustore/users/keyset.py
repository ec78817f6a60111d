"""Where a page of users ends, and the filter of what comes after it.

Other clients may store any value as `created_at` or `_id`. MongoDB sorts values of all types, but `$lt` and `$gt`
compare only values of one type. Expressions compare like the sort.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from enum import StrEnum
from typing import Any, Final

import bson
from bson import MinKey
from bson.errors import BSONError

from docustore.api.pagination import CURSOR_INVALID, Position
from docustore.database import UNCLAMPED
from docustore.errors import InvalidQueryError
from docustore.users.store import users
from docustore.users.stored import RawUser, user_key

Filter = dict[str, Any]
# Times beyond the calendar are read as the first or the last moment of it.
_ENDS_OF_THE_CALENDAR: Final = frozenset({MINYEAR, MAXYEAR})


class UserSort(StrEnum):
    """The orders that an index supports; `_id` breaks ties in the same direction."""

    OLDEST = "created_at"
    NEWEST = "-created_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last user of a page, by its stored values.

    `at` is None without `created_at`.
    """

    at: Any
    id: Any


def position_of(user: RawUser) -> Position:
    """Return what a cursor keeps of the last user of a page."""
    at, user_id = user.get("created_at"), user["_id"]
    is_plain_time = at is None or (type(at) is datetime and at.year not in _ENDS_OF_THE_CALENDAR)
    if is_plain_time and user_key(str(user_id)) == user_id:
        return Position(at=at, id=str(user_id))
    return Position(at=None, id=urlsafe_b64encode(bson.encode({"": user_id})).decode(), is_odd=True)


async def read_place(position: Position, *, sort: UserSort) -> Place:
    """Return the place of a position. Only for an odd one a user is read.

    Raises:
        InvalidQueryError: The user of an odd position is gone.
    """
    if not position.is_odd:
        return Place(at=position.at, id=user_key(position.id))
    try:
        user_id = bson.decode(urlsafe_b64decode(position.id), UNCLAMPED)[""]
    except (BSONError, ValueError, KeyError) as exc:
        raise InvalidQueryError((CURSOR_INVALID,)) from exc
    # A list is sorted by its last or by its first element.
    decisive = {"$max" if sort is UserSort.NEWEST else "$min": "$created_at"}
    at = {"$cond": [{"$isArray": "$created_at"}, decisive, "$created_at"]}
    stored = users().with_options(codec_options=UNCLAMPED)
    cursor = await stored.aggregate([{"$match": {"_id": {"$eq": user_id}}}, {"$project": {"at": at}}])
    found = await cursor.to_list()
    if not found:
        raise InvalidQueryError((CURSOR_INVALID,))
    return Place(at=found[0].get("at"), id=found[0]["_id"])


def after(place: Place, matching: Mapping[str, Any], *, sort: UserSort) -> Filter:
    """Narrow a filter to the users that come after a place. Pure.

    Each branch repeats the whole filter and is one range of the index, so the server merges sorted scans. A list
    in place of the time, which the next write replaces, is sorted by one of its elements, but compared as a whole:
    only the first page has such users.
    """
    beyond = "$lt" if sort is UserSort.NEWEST else "$gt"
    is_no_list = {"$not": [{"$isArray": "$created_at"}]}
    same = {beyond: ["$_id", {"$literal": place.id}]}
    other = {beyond: ["$created_at", {"$literal": place.at}]}
    branches: list[Filter] = [
        {"created_at": {"$eq": place.at}, "$expr": {"$and": [same, is_no_list]}},
        {"$expr": {"$and": [other, is_no_list]}},
    ]
    if place.at is None and sort is UserSort.NEWEST:
        # In an expression a missing value is less than null, in the order of a page it is equal.
        branches[1] = {"created_at": MinKey()}
    rest = {name: value for name, value in matching.items() if name != "created_at"}
    created = matching.get("created_at")
    bounds: list[Filter] = [{"created_at": created}] if created else []
    return {
        "$or": [{**rest, **branch} if not bounds else {**rest, "$and": [branch, *bounds]} for branch in branches]
    }
