"""Compare a derived effect with the users, while all of them change.

Each chunk is one state: users, documents, checkpoint and history as of one cluster time. A document that differs
from its user is wrong only if the effect holds the user's last row and that row is the user: then no change is on
its way. Every finding is looked at a second time, in a later state.
"""

from collections.abc import Sequence
from typing import Any

import bson
from bson.timestamp import Timestamp

from docustore.changes.comparison import boundary_of
from docustore.changes.derived.derivation import DerivedEffect
from docustore.changes.derived.historic import HistoricEffect, gone_documents, removed_users
from docustore.changes.derived.keeper import is_same, without_id
from docustore.changes.derived.reading import decode, documents_of, is_readable, next_documents, users_of
from docustore.changes.events import user_key
from docustore.changes.images import recorded_states
from docustore.cluster_time import last_applied
from docustore.database import Database
from docustore.effect_states import load_effect_state
from docustore.history.rows import IMAGE_CODEC, same_value
from docustore.users.stored import USERS


async def derived_difference(database: Database, effect: DerivedEffect) -> str | None:
    """Describe how an effect differs from the users; None if it does not.

    Changes nothing. An effect that is not live yet is not compared.
    """
    state = await load_effect_state(database, effect.name)
    if state is None or not state.is_live or state.version != effect.version:
        return None
    suspects = await _differing_users(database, effect) + await _orphans(database, effect)
    if isinstance(effect, HistoricEffect):
        suspects += await _removed(database, effect, up_to=state.seq)
    # A second look: a value that changed and changed back looks like no change in the first one.
    wrong = await _wrong(database, effect, suspects)
    found = [f"{effect.name} is wrong for {len(wrong)} users"] if wrong else []
    at = await last_applied(database)
    return "; ".join([*found, *await effect.differences(database, at)]) or None


async def _differing_users(database: Database, effect: DerivedEffect) -> list[Any]:
    found: list[Any] = []
    after = None
    while users := await next_documents(database, USERS, fields=(), after=after):
        user_ids = [user["_id"] for user in map(decode, users) if is_readable(user["_id"])]
        found += await _wrong(database, effect, user_ids)
        after = boundary_of(users[-1])
    return found


async def _orphans(database: Database, effect: DerivedEffect) -> list[Any]:
    found: list[Any] = []
    after = None
    while documents := await next_documents(database, effect.collection, fields=(), after=after):
        user_ids = [document["_id"] for document in map(decode, documents)]
        present = await users_of(database, user_ids, fields=())
        absent = [user_id for user_id in user_ids if user_key(user_id) not in present]
        found += await _wrong(database, effect, absent)
        after = boundary_of(documents[-1])
    return found


async def _removed(database: Database, effect: HistoricEffect, *, up_to: int) -> list[Any]:
    """Look at the users that history has seen removed: each needs a document."""
    found: list[Any] = []
    async for user_ids in removed_users(database, up_to=up_to):
        present = await users_of(database, user_ids, fields=())
        found += await _wrong(database, effect, [each for each in user_ids if user_key(each) not in present])
    return found


async def _wrong(database: Database, effect: DerivedEffect, user_ids: Sequence[Any]) -> list[Any]:
    """List the users whose document differs although no change of them is on its way."""
    if not user_ids:
        return []
    # The checkpoint before the state: what it covers is in the state.
    state = await load_effect_state(database, effect.name)
    at = await last_applied(database)
    stored = await documents_of(database, effect.collection, user_ids, fields=None, at=at)
    users = await users_of(database, user_ids, fields=effect.fields, at=at)
    kept = {key: without_id(document) for key, document in stored.items()}
    absent = [user_id for user_id in user_ids if user_key(user_id) not in users]
    gone = await gone_documents(database, effect, absent, kept)
    differing = []
    for user_id in user_ids:
        key = user_key(user_id)
        user = users.get(key)
        expected = gone.get(key) if user is None else effect.state_of(user)
        if not is_same(kept.get(key), expected):
            differing.append(user_id)
    if state is None or not differing:
        return []
    return await _settled(database, differing, seq=state.seq, at=at)


async def _settled(database: Database, user_ids: Sequence[Any], *, seq: int, at: Timestamp) -> list[Any]:
    recorded = await recorded_states(database, user_ids, up_to=seq)
    whole = await documents_of(database, USERS, user_ids, fields=None, at=at)
    found = []
    for user_id in user_ids:
        last, user = recorded.get(user_key(user_id)), whole.get(user_key(user_id))
        if last is None:
            continue
        image = None if last.after is None else bson.decode(last.after.raw, IMAGE_CODEC)
        present = (
            None if user is None else {k: v for k, v in user.items() if k not in {"password_hash", *last.omitted}}
        )
        if ((image is None or present is None) and image is present) or (
            image is not None and present is not None and same_value(image, present)
        ):
            found.append(user_id)
    return found
