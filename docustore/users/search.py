"""Find users by word prefixes of their names and e-mail addresses."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from docustore.api.pagination import decode_cursor
from docustore.errors import FieldError, InvalidQueryError
from docustore.users.listing import DEFAULT_LIMIT, Filter, UserSort, after, page_of, read_page
from docustore.users.profile import UserStatus
from docustore.users.search_terms import query_terms
from docustore.users.store import RawUser, users

# To count all matches of a common prefix would cost more than to find the page.
TOTAL_CAP: Final = 1001
MAX_OFFSET: Final = 1000
MAX_QUERY_CHARS: Final = 200
MAX_QUERY_TERMS: Final = 8
# For the API's description, in ECMA 262: a letter or digit of any script.
QUERY_PATTERN: Final = r"[\p{L}\p{N}]"
_PUNCTUATION: Final = re.compile(r"[^a-z0-9]+")


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

    `total` is at most `TOTAL_CAP`, which means "more than a thousand".
    """

    found: list[RawUser]
    total: int
    next_cursor: str | None


async def search_users(query: SearchQuery) -> SearchResult:
    """Find the users that match every word of the text, newest first.

    A user matches a word if one of its terms starts with the word. Only the first eight words count.

    Raises:
        InvalidQueryError: The text has no letter or digit, or the cursor belongs to another query.
    """
    matching = search_filter(query.text, status=query.status)
    bound = ("search", query.text, query.status)
    page = matching
    if query.cursor is not None:
        page = after(decode_cursor(query.cursor, query=bound), matching, sort=UserSort.NEWEST)
    found, total = await asyncio.gather(
        read_page(page, sort=UserSort.NEWEST, limit=query.limit, skip=query.offset),
        users().count_documents(matching, limit=TOTAL_CAP),
    )
    found, next_cursor = page_of(found, limit=query.limit, bound=bound)
    return SearchResult(found=found, total=total, next_cursor=next_cursor)


def search_filter(text: str, *, status: UserStatus | None) -> Filter:
    """Build the MongoDB filter of a search; deleted users never match.

    Raises:
        InvalidQueryError: The text has no letter or digit.
    """
    terms = [term for term in query_terms(text) if not _PUNCTUATION.fullmatch(term)][:MAX_QUERY_TERMS]
    if not any(char.isalnum() for char in text):
        detail = "send at least one letter or digit of a name or an e-mail address"
        raise InvalidQueryError((FieldError(pointer="/q", code="too_short", detail=detail),))
    if not terms:
        # A letter that has no Latin form; no user has such a term either.
        return {"_id": {"$in": []}, "deleted_at": None}
    # An anchored, case-sensitive expression is a range of the index. `$gte` with `$lt` would be wrong:
    # two elements of the array may satisfy one bound each.
    prefixes: list[Filter] = [{"search_terms": {"$regex": f"^{re.escape(term)}"}} for term in terms]
    which: Filter = {} if status is None else {"status": status.value}
    return {**which, "deleted_at": None, "$and": prefixes}
