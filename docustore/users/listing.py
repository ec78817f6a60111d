"""Read pages of users, newest or oldest first, by keyset.

A page at any depth costs the same as the first page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Final

from docustore.api.pagination import DEFAULT_LIMIT, cut_page, decode_cursor
from docustore.users.keyset import Filter, UserSort, after, position_of, read_place
from docustore.users.profile import UserStatus
from docustore.users.store import users
from docustore.users.stored import FOR_RESPONSE, RawUser

# An estimate with filters stops counting here; 10,001 means "more than ten thousand".
ESTIMATE_CAP: Final = 10_001


class Counting(StrEnum):
    """How `Prefer: count=...` asks to count the users."""

    ESTIMATED = "estimated"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users to read; None = any.

    The times are limits of `created_at`: at or after `created_from`, after `created_after`, before
    `created_before`, at or before `created_until`.
    """

    status: UserStatus | None = None
    role: str | None = None
    tag: str | None = None
    location: str | None = None
    created_from: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    created_until: datetime | None = None

    def as_query(self) -> Filter:
        """Build the MongoDB filter; deleted users never match."""
        equal = {
            "status": self.status.value if self.status else None,
            "roles": self.role,
            "tags": self.tag,
            "profile.location": self.location,
        }
        bounds = {
            "$gte": self.created_from,
            "$gt": self.created_after,
            "$lt": self.created_before,
            "$lte": self.created_until,
        }
        created = {operator: bound for operator, bound in bounds.items() if bound is not None}
        query: Filter = {name: value for name, value in equal.items() if value is not None}
        return {**query, **({"created_at": created} if created else {}), "deleted_at": None}

    def matches(self, user: RawUser) -> bool:
        """Tell whether a raw user matches, as MongoDB decides by `as_query`."""
        if user.get("deleted_at") is not None:
            return False
        profile = user.get("profile")
        location = profile.get("location") if isinstance(profile, Mapping) else None
        wanted = (
            (self.status and self.status.value, user.get("status")),
            (self.role, user.get("roles")),
            (self.tag, user.get("tags")),
            (self.location, location),
        )
        return all(_has(value, given) for value, given in wanted) and self._is_created_in_time(user)

    def _is_created_in_time(self, user: RawUser) -> bool:
        bounds = (
            (self.created_from, ge),
            (self.created_after, gt),
            (self.created_before, lt),
            (self.created_until, le),
        )
        created = user.get("created_at")
        return all(
            isinstance(created, datetime) and compare(created, _in_ms(bound))
            for bound, compare in bounds
            if bound is not None
        )


def _has(wanted: str | None, given: object) -> bool:
    return wanted is None or given == wanted or (isinstance(given, list) and wanted in given)


def _in_ms(time: datetime) -> datetime:
    # MongoDB compares milliseconds.
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One page to read: at most `limit` users in the order of `sort`, after `cursor`."""

    which: UserFilter
    sort: UserSort = UserSort.NEWEST
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


async def list_users(query: ListQuery) -> tuple[list[RawUser], str | None]:
    """Read one page and the cursor of the next page; None on the last page.

    A user that exists during all page reads is listed exactly once, also while users are added and changed.

    Raises:
        InvalidQueryError: The cursor belongs to another query, or its user is gone (see `read_place`).
    """
    bound = ("users", query.sort, query.which)
    matching = query.which.as_query()
    if query.cursor is not None:
        place = await read_place(decode_cursor(query.cursor, query=bound), sort=query.sort)
        matching = after(place, matching, sort=query.sort)
    found = await read_page(matching, sort=query.sort, limit=query.limit)
    return page_of(found, limit=query.limit, bound=bound)


async def read_page(matching: Filter, *, sort: UserSort, limit: int, skip: int = 0) -> list[RawUser]:
    """Read up to `limit` + 1 users; the extra user tells that there is a next page."""
    direction = -1 if sort is UserSort.NEWEST else 1
    cursor = users().find(matching, FOR_RESPONSE, sort=[("created_at", direction), ("_id", direction)])
    return list(await cursor.skip(skip).limit(limit + 1).to_list())


def page_of(found: list[RawUser], *, limit: int, bound: object) -> tuple[list[RawUser], str | None]:
    """Cut the users of `read_page` to one page; add the cursor of the next page."""
    return cut_page(found, limit=limit, position=position_of, query=bound)


async def count_users(which: UserFilter, *, counting: Counting) -> int:
    """Count users.

    Returns:
        Exact: the number of matching users. Estimated without filters: the collection's own count, which includes
        deleted users and costs nothing. Estimated with filters: exact up to `ESTIMATE_CAP`.
    """
    query = which.as_query()
    if counting is Counting.EXACT:
        return await users().count_documents(query)
    if which == UserFilter():
        return await users().estimated_document_count()
    return await users().count_documents(query, limit=ESTIMATE_CAP)
