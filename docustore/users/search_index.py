"""The collection `user_search`: which users have which words, and queries of it.

The listener keeps it from the changes of all clients (`docustore.changes.effects.search`). It may lag behind
`users` by about a second, and it is missing until its first build has ended.

Shape of `user_search`: `{_id: user id, words: [atoms], mixed: [words], address, status, created_at}`. Shape of
`search_atoms`: `{_id: atom, tails: [...]}`; see `docustore.users.search_words`. An atom that no user has any more
may stay.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

from docustore.database import Database, Document
from docustore.users.profile import UserStatus
from docustore.users.search_words import (
    TAIL_CHARS,
    Part,
    atoms,
    fragment_of,
    is_mixed,
    mixed_words,
    user_words,
)

USER_SEARCH: Final = "user_search"
SEARCH_ATOMS: Final = "search_atoms"
# The fields of a user that its document is made from.
SEARCHED_FIELDS: Final = ("email", "first_name", "last_name", "status", "created_at", "deleted_at")

Filter = dict[str, Any]


def search_document(user: Mapping[str, Any]) -> Document | None:
    """Make the document of a user, without `_id`. Pure.

    None for a deleted user, or one without words.
    """
    if user.get("deleted_at") is not None:
        return None
    found = user_words(email=user.get("email"), first_name=user.get("first_name"), last_name=user.get("last_name"))
    words = atoms(found)
    if not words:
        return None
    document: Document = {"words": words}
    registered = user.get("created_at")
    if mixed := mixed_words(found):
        document["mixed"] = mixed
    return {
        **document,
        "address": found.address,
        "status": user.get("status"),
        # The server cannot index two lists together. A list is what another client wrote; it is no time.
        "created_at": None if isinstance(registered, list) else registered,
    }


async def index_filter(database: Database, parts: list[Part], *, status: UserStatus | None) -> Filter | None:
    """Build the filter of `user_search` for a search; None if no user can match.

    Also None for addresses alone: `users` finds these, see `docustore.users.search`.
    """
    fragments = sorted({fragment for part in parts if (fragment := fragment_of(part)) is not None})
    found = await asyncio.gather(*(atoms_with(database, fragment) for fragment in fragments))
    if not all(found) or all(part.is_address for part in parts):
        return None
    looked_up = dict(zip(fragments, found, strict=True))
    conditions = [each for part in parts for each in conditions_of(part, looked_up)]
    which: Filter = {} if status is None else {"status": status.value}
    return {**which, "$and": conditions}


async def atoms_with(database: Database, fragment: str) -> list[str]:
    """List the atoms that contain a fragment."""
    query = {"tails": {"$regex": f"^{fragment[:TAIL_CHARS]}"}}
    documents = await database[SEARCH_ATOMS].find(query, {"_id": 1}).to_list()
    return [document["_id"] for document in documents if fragment in document["_id"]]


def conditions_of(part: Part, found: Mapping[str, list[str]]) -> list[Filter]:
    """Build the conditions of one part. Pure.

    Args:
        found: The atoms that contain each fragment.
    """
    if part.is_sign:
        return [{"words": part.text}]
    # An anchored, case-sensitive expression is a range of the index.
    prefix = {"$regex": f"^{re.escape(part.text)}"}
    if part.is_address:
        return [{"address": prefix}]
    fragment = fragment_of(part)
    if fragment is None:
        return [{"words": prefix}]
    conditions: list[Filter] = [{"words": {"$in": found[fragment]}}]
    if is_mixed(part.text):
        conditions.append({"mixed": {"$regex": part.text}})
    return conditions
