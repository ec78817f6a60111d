"""The filter of a search by the terms that API and ETL write with a user. Pure."""

import re
from typing import Final

from docustore.errors import FieldError, InvalidQueryError
from docustore.users.keyset import Filter
from docustore.users.profile import UserStatus
from docustore.users.search_terms import query_terms

MAX_OFFSET: Final = 1000
MAX_QUERY_CHARS: Final = 200
MAX_QUERY_TERMS: Final = 8
# For the API's description, in ECMA 262: a letter or digit of any script.
QUERY_PATTERN: Final = r"[\p{L}\p{N}]"
_PUNCTUATION: Final = re.compile(r"[^a-z0-9]+")


def search_filter(text: str, *, status: UserStatus | None) -> Filter:
    """Build the filter of `users` for a search; deleted users never match.

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
    prefixes = [_begins(term) for term in terms]
    which: Filter = {} if status is None else {"status": status.value}
    return {**which, "deleted_at": None, "$and": prefixes}


def _begins(term: str) -> Filter:
    prefix = {"$regex": f"^{re.escape(term)}"}
    # Stored addresses are lower-case: those of other clients are found without terms. The index of `email` is used
    # only with `deleted_at`.
    return (
        {"$or": [{"search_terms": prefix}, {"email": prefix, "deleted_at": None}]}
        if "@" in term
        else {"search_terms": prefix}
    )
