"""The identities of a user as people and programs see them."""

from datetime import datetime
from typing import Literal

import msgspec

from docustore.errors import NotFoundError
from docustore.users.identities import (
    LOCAL_SOURCE,
    IdentityEntry,
    edited_key,
    is_ended,
    is_local,
    winner_of,
    with_values,
)
from docustore.users.store import users
from docustore.users.stored import RawUser, user_key

# `with_values` reads these fields; the hash of the password is none of them.
_READ = {"password_hash": 0, "search_terms": 0}


class IdentityView(msgspec.Struct, frozen=True):
    """One record that the user consists of.

    `kind` is `upstream` for the record of a source, `edit` for a write through the API to such a record, and
    `local` for a user that no source has. `source` and `external_id` are those of the record, also of an edit.
    `ended_at` is the time at which the source deleted the record. `is_winner`: the user has its values.
    """

    key: str
    kind: Literal["upstream", "edit", "local"]
    source: str
    external_id: str
    modified_at: datetime
    ended_at: datetime | None
    is_winner: bool


async def list_identities(user_id: str) -> list[IdentityView]:
    """List the identities of a user, also of a deleted one, by key.

    Raises:
        NotFoundError: No user has this id.
    """
    user = await users().find_one({"_id": user_key(user_id)}, _READ)
    if user is None:
        raise NotFoundError(kind="user", id=user_id)
    return identities_of(user)


def identities_of(user: RawUser) -> list[IdentityView]:
    """List the identities of a raw user, by key. Pure."""
    entries = with_values(user)
    upstream = {entry["key"] for entry in entries if not is_local(entry)}
    winner = winner_of(entries)["key"]
    return sorted((_view(entry, upstream, winner) for entry in entries), key=lambda view: view.key)


def _view(entry: IdentityEntry, upstream: set[str], winner: str) -> IdentityView:
    edited = edited_key(entry) if is_local(entry) else entry["key"]
    is_own = is_local(entry) and edited not in upstream
    source, _, external_id = edited.partition(":")
    return IdentityView(
        key=entry["key"],
        kind="local" if is_own else "edit" if is_local(entry) else "upstream",
        source=LOCAL_SOURCE if is_own else source,
        external_id=edited if is_own else external_id,
        modified_at=entry["modified_at"],
        ended_at=entry.get("deleted_at") if is_ended(entry) else None,
        is_winner=entry["key"] == winner,
    )
