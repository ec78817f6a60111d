"""Find users by parts of their names and e-mail addresses.

Two sources are joined. `users.search_terms` holds the words of a user; API and ETL write them with the user, so
a search finds one's own write at once, by the begin of a word. `user_search` holds the words of all users, also of
those that other clients wrote; it is found by any part of a word, and it lags by about a second. While its lag is
known, only the users that were written lately are looked for by their terms.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

from docustore.api.pagination import DEFAULT_LIMIT, decode_cursor
from docustore.database import Database
from docustore.effect_states import BuildState, EffectState, load_effect_state
from docustore.users.keyset import Filter, Place, UserSort, after, read_place
from docustore.users.listing import page_of
from docustore.users.profile import UserStatus
from docustore.users.recent_matches import RecentIds, RecentUsers
from docustore.users.search_filter import search_filter
from docustore.users.search_ids import NEWEST, MatchingIds, is_merged
from docustore.users.search_index import USER_SEARCH, index_filter
from docustore.users.search_words import Part, query_parts, user_matches
from docustore.users.store import users
from docustore.users.stored import FOR_RESPONSE, RawUser, id_key

# To count all matches of a common prefix would cost more than to find the page.
TOTAL_CAP: Final = 1001


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
    """One search: what matches in both sources."""

    parts: list[Part]
    status: UserStatus | None
    of_users: MatchingIds
    of_index: MatchingIds

    def after(self, place: Place) -> "_Search":
        """Return the same search from a place on."""
        return replace(self, of_users=_after(self.of_users, place), of_index=_after(self.of_index, place))


async def search_users(query: SearchQuery, *, recent_users: RecentUsers) -> SearchResult:
    """Find the users that match every part of the text, newest first.

    Only the first eight parts count. Every user of the page matches as it is stored now. The total may be wrong by
    the users that changed in the last second.

    Args:
        query: The text and the page.
        recent_users: Tells which users the search index may not hold yet.

    Raises:
        InvalidQueryError: The text has no letter or digit, or the cursor belongs to another query.
    """
    of_users = search_filter(query.text, status=query.status)
    bound = ("search", query.text, query.status)
    place = None
    if query.cursor is not None:
        place = await read_place(decode_cursor(query.cursor, query=bound), sort=UserSort.NEWEST)
    database, parts = users().database, query_parts(query.text)
    state, recent, of_index = await asyncio.gather(
        load_effect_state(database, USER_SEARCH),
        recent_users.filter(database),
        index_filter(database, parts, status=query.status),
    )
    # The begin of an address is looked for in all users: that is what the index of `users.email` is for.
    if state is None or not state.is_live or all(part.is_address for part in parts):
        recent = None
    search = _Search(
        parts=parts,
        status=query.status,
        of_users=_ids_of_users(database, of_users, parts, recent=recent),
        of_index=MatchingIds(database=database, collection=USER_SEARCH, matching=of_index),
    )
    needed = query.offset + query.limit + 1
    candidates, stale, total = await _page_and_total(search, place, needed=needed)
    page = candidates[query.offset : needed]
    found, next_cursor = page_of(page, limit=query.limit, bound=bound)
    if total < TOTAL_CAP:
        total -= stale
    return SearchResult(found=found, total=total, next_cursor=next_cursor, substrings=_served(state))


def _ids_of_users(
    database: Database, matching: Filter, parts: list[Part], *, recent: Filter | None
) -> MatchingIds:
    name = users().name
    if recent is None:
        return MatchingIds(database=database, collection=name, matching=matching)
    return RecentIds(database=database, collection=name, matching={**matching, **recent}, parts=parts)


async def _page_and_total(search: _Search, place: Place | None, *, needed: int) -> tuple[list[RawUser], int, int]:
    if place is not None:
        (found, stale), total = await asyncio.gather(
            _candidates(search.after(place), needed=needed), _total(search, needed=needed)
        )
        return found, stale, total
    # The page is the begin of what the total has read.
    total = await _total(search, needed=needed)
    return (*await _candidates(search, needed=needed), total)


async def _candidates(search: _Search, *, needed: int) -> tuple[list[RawUser], int]:
    """Read the first users of both sources, newest first.

    Also count those that matched only before. At least `needed` users, if there are so many.
    """
    take = needed
    while True:
        of_users, of_index = await asyncio.gather(search.of_users.first(take), search.of_index.first(take))
        in_users = {id_key(user_id) for user_id in of_users}
        ids = _unique(of_index, of_users)
        valid = [
            user
            for user in await _present_users(search, ids)
            if id_key(user["_id"]) in in_users or user_matches(user, search.parts)
        ]
        stale = len(ids) - len(valid)
        is_complete = len(of_users) < take and len(of_index) < take
        if is_complete or take >= needed + stale:
            return valid, stale
        take = needed + stale


async def _present_users(search: _Search, ids: list[Any]) -> list[RawUser]:
    if not ids:
        return []
    which: Filter = {} if search.status is None else {"status": search.status.value}
    cursor = users().find({"_id": {"$in": ids}, "deleted_at": None, **which}, FOR_RESPONSE, sort=NEWEST)
    return list(await cursor.to_list())


async def _total(search: _Search, *, needed: int) -> int:
    """Count the users of both sources, each user once, up to `TOTAL_CAP`.

    Args:
        needed: So many ids of a source are read anyway.
    """
    of_users, of_index = search.of_users, search.of_index
    if of_index.matching is None:
        first = await of_users.first(needed)
        return len(first) if len(first) < needed else await of_users.count(TOTAL_CAP)
    # Users that were written lately are few: they are read beside the index.
    beside = of_users.first(TOTAL_CAP if of_users.is_small else 0)
    known, _ = await asyncio.gather(_known(of_index), beside)
    if known is None:
        return TOTAL_CAP
    # Few users match, so few are read here too.
    return min(len(_unique(known, await of_users.first(TOTAL_CAP))), TOTAL_CAP)


async def _known(of_index: MatchingIds) -> list[Any] | None:
    """Read the matches of the index; None if there are `TOTAL_CAP` or more."""
    # Where the server merges sorted ranges, to read ids costs little more than to count them.
    if not is_merged(of_index.matching) and await of_index.count(TOTAL_CAP) == TOTAL_CAP:
        return None
    known = await of_index.first(TOTAL_CAP)
    return known if len(known) < TOTAL_CAP else None


def _after(source: MatchingIds, place: Place) -> MatchingIds:
    if source.matching is None:
        return source
    return replace(source, matching=after(place, source.matching, sort=UserSort.NEWEST))


def _unique(*sources: list[Any]) -> list[Any]:
    return list({id_key(user_id): user_id for ids in sources for user_id in ids}.values())


def _served(state: EffectState | None) -> BuildState:
    if state is None:
        return BuildState.BUILDING
    # A rebuild of the same version replaces the documents one by one: readers miss nothing.
    is_rebuild = state.state is BuildState.BUILDING and state.live_version == state.version
    return BuildState.LIVE if is_rebuild else state.state
