"""Find users by parts of their names and e-mail addresses.

Two sources are joined. `users.search_terms` holds the words of a user; API and ETL write them with the user, so
a search finds one's own write at once, by the begin of a word. `user_search` holds the words of all users, also of
those that other clients wrote; it is found by any part of a word, and it lags by about a second.
"""

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from docustore.api.pagination import DEFAULT_LIMIT, Position, decode_cursor
from docustore.database import Database
from docustore.effect_states import BuildState, load_effect_state
from docustore.users.listing import Filter, UserSort, after, page_of
from docustore.users.profile import UserStatus
from docustore.users.search_filter import search_filter
from docustore.users.search_index import USER_SEARCH, index_filter
from docustore.users.search_words import Part, matches, query_parts, user_words
from docustore.users.store import users
from docustore.users.stored import FOR_RESPONSE, RawUser

# To count all matches of a common prefix would cost more than to find the page.
TOTAL_CAP: Final = 1001
_NEWEST: Final = [("created_at", -1), ("_id", -1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A search and its page: skip `offset` users, or continue after `cursor`."""

    text: str
    status: UserStatus | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """One page of matches.

    `total` is at most `TOTAL_CAP`, which means "more than a thousand". `substrings` is the state of `user_search`.
    """

    found: list[RawUser]
    total: int
    next_cursor: str | None
    substrings: BuildState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One search: the filters of both sources, and where the page begins."""

    database: Database
    parts: list[Part]
    of_users: Filter
    of_index: Filter | None
    position: Position | None
    status: UserStatus | None


async def search_users(query: SearchQuery) -> SearchResult:
    """Find the users that match every part of the text, newest first.

    Only the first eight parts count. Every user of the page matches as it is stored now. The total may be wrong by
    the users that changed in the last second.

    Raises:
        InvalidQueryError: The text has no letter or digit, or the cursor belongs to another query.
    """
    of_users = search_filter(query.text, status=query.status)
    bound = ("search", query.text, query.status)
    database, parts = users().database, query_parts(query.text)
    search = _Search(
        database=database,
        parts=parts,
        of_users=of_users,
        of_index=await index_filter(database, parts, status=query.status) if parts else None,
        position=None if query.cursor is None else decode_cursor(query.cursor, query=bound),
        status=query.status,
    )
    (candidates, stale), total, substrings = await asyncio.gather(
        _candidates(search, needed=query.offset + query.limit + 1), _total(search), _index_state(database)
    )
    page = candidates[query.offset : query.offset + query.limit + 1]
    found, next_cursor = page_of(page, limit=query.limit, bound=bound)
    if total < TOTAL_CAP:
        total -= stale
    return SearchResult(found=found, total=total, next_cursor=next_cursor, substrings=substrings)


async def _candidates(search: _Search, *, needed: int) -> tuple[list[RawUser], int]:
    """Read the first users of both sources, newest first.

    Also count those that matched only before. At least `needed` users, if there are so many.
    """
    take = needed
    while True:
        of_users, of_index = await asyncio.gather(
            _ids(search, users().name, search.of_users, take), _ids(search, USER_SEARCH, search.of_index, take)
        )
        ids = {**of_index, **of_users}
        valid = [
            user
            for user in await _present_users(search, list(ids.values()))
            if _key(user["_id"]) in of_users or _matches(user, search.parts)
        ]
        stale = len(ids) - len(valid)
        is_complete = len(of_users) < take and len(of_index) < take
        if is_complete or take >= needed + stale:
            return valid, stale
        take = needed + stale


async def _ids(search: _Search, collection: str, matching: Filter | None, take: int) -> dict[Hashable, Any]:
    if matching is None:
        return {}
    if search.position is not None:
        matching = after(search.position, matching, sort=UserSort.NEWEST)
    found = search.database[collection].find(matching, {"_id": 1}, sort=_NEWEST).limit(take)
    return {_key(document["_id"]): document["_id"] async for document in found}


async def _present_users(search: _Search, ids: list[Any]) -> list[RawUser]:
    which: Filter = {} if search.status is None else {"status": search.status.value}
    cursor = users().find({"_id": {"$in": ids}, "deleted_at": None, **which}, FOR_RESPONSE, sort=_NEWEST)
    return list(await cursor.to_list())


async def _total(search: _Search) -> int:
    """Count the users of both sources, each user once, up to `TOTAL_CAP`."""
    if search.of_index is None:
        return await users().count_documents(search.of_users, limit=TOTAL_CAP)
    known = await search.database[USER_SEARCH].count_documents(search.of_index, limit=TOTAL_CAP)
    if known == TOTAL_CAP:
        return known
    everywhere = _Search(
        database=search.database,
        parts=search.parts,
        of_users=search.of_users,
        of_index=search.of_index,
        position=None,
        status=search.status,
    )
    of_users, of_index = await asyncio.gather(
        _ids(everywhere, users().name, search.of_users, TOTAL_CAP),
        _ids(everywhere, USER_SEARCH, search.of_index, TOTAL_CAP),
    )
    return min(len({**of_users, **of_index}), TOTAL_CAP)


async def _index_state(database: Database) -> BuildState:
    state = await load_effect_state(database, USER_SEARCH)
    if state is None:
        return BuildState.BUILDING
    # A rebuild of the same version replaces the documents one by one: readers miss nothing.
    is_rebuild = state.state is BuildState.BUILDING and state.live_version == state.version
    return BuildState.LIVE if is_rebuild else state.state


def _matches(user: Mapping[str, Any], parts: list[Part]) -> bool:
    found = user_words(email=user.get("email"), first_name=user.get("first_name"), last_name=user.get("last_name"))
    return all(matches(found, part) for part in parts)


def _key(user_id: Any) -> Hashable:
    return user_id if isinstance(user_id, ObjectId) else repr(user_id)
