"""Images that the server does not have, read from history or from the collection.

Pre-images expire, and another client may have created or changed the collection without them. The state before a
change is the `after` of the user's last history row; it is exact if that row is exact. A missing state after an
update can only be read later: the row is marked `approximate`. While the events are older than that read, the
state before comes from history. So the marts move from one recorded state to the next, and end with the right
figures.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import bson
import msgspec
import structlog
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from docustore.changes.events import Change, decoded, user_key
from docustore.changes.id_parts import parts_of
from docustore.cluster_time import last_applied
from docustore.database import Database
from docustore.history.models import HISTORY
from docustore.history.rows import IMAGE_CODEC, Image
from docustore.history.undo import MAX_CHAIN, has_state, states_of
from docustore.users.stored import USERS

log = structlog.get_logger()

_RAW: Final = IMAGE_CODEC.with_options(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The last state of a user in history; `after` is None if it was deleted.

    `omitted` names fields that were too large to be kept.
    """

    after: RawBSONDocument | None
    omitted: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Changes with every available image.

    `read_at` is set where an image was read later than its change.
    """

    changes: Sequence[Change]
    read_at: Timestamp | None


@dataclass(slots=True, kw_only=True)
class _Known:
    """The state of one user at a point of the batch."""

    image: Image | None
    raw: RawBSONDocument | None
    omitted: frozenset[str]


async def resolve(
    database: Database, changes: Sequence[Change], *, approximate_until: Timestamp | None
) -> Resolved:
    """Fill in the images that the server did not have; free where it had all of them."""
    wanting = [change for change in changes if needs_history(change, approximate_until)]
    if not wanting:
        return Resolved(changes=changes, read_at=None)
    recorded = await recorded_states(database, [change.user_id for change in wanting])
    blind = [change.user_id for change in wanting if not change.is_after_known]
    current, read_at = await _current_states(database, blind) if blind else ({}, None)
    if blind:
        log.warning("listener.after_images_missing", events=len(blind))
    resolved = resolve_with(changes, wanting=wanting, recorded=recorded, current=current)
    if unknown := sum(not change.is_before_known for change in resolved):
        # Only after the policy `reset`: history then does not know every user. A reconcile shows the difference.
        log.warning("listener.before_images_unknown", events=unknown)
    return Resolved(changes=resolved, read_at=read_at)


def resolve_with(
    changes: Iterable[Change],
    *,
    wanting: Iterable[Change],
    recorded: Mapping[Hashable, Recorded],
    current: Mapping[Hashable, RawBSONDocument],
) -> tuple[Change, ...]:
    """Chain the states of every user with a missing image through the batch. Pure."""
    known: dict[Hashable, _Known | None] = {}
    for change in wanting:
        known[change.user_key] = _recorded(recorded.get(change.user_key))
    return tuple(_chained(change, known, current) if change.user_key in known else change for change in changes)


async def recorded_states(
    database: Database, user_ids: Sequence[Any], *, up_to: int | None = None
) -> dict[Hashable, Recorded]:
    """Read the last state of each user from history, by `user_key`.

    A user that was never recorded is absent.

    Args:
        up_to: The number of the last row to look at; None for all rows.
    """
    found: dict[Hashable, Recorded] = {}
    for part in parts_of(user_ids):
        found |= await _recorded_states(database, part, up_to=up_to)
    return found


async def _recorded_states(
    database: Database, user_ids: Sequence[Any], *, up_to: int | None
) -> dict[Hashable, Recorded]:
    numbers = {} if up_to is None else {"_id": {"$lte": up_to}}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"user_id": {"$in": list(user_ids)}, **numbers}},
        {"$sort": {"user_id": 1, "_id": -1}},
        {
            "$group": {
                "_id": "$user_id",
                "number": {"$first": "$_id"},
                "after": {"$first": "$after"},
                "omitted": {"$first": "$omitted"},
                "undo": {"$first": "$undo"},
            }
        },
    ]
    rows = database[HISTORY].with_options(codec_options=_RAW)
    found: dict[Hashable, Recorded] = {}
    async for row in await rows.aggregate(pipeline):
        after = row.get("after")
        if row.get("undo") is not None:
            # The last row up to a number may be compacted by now; the last row of all never is.
            after = await _state_of_compacted(database, row["_id"], row["number"])
        found[user_key(row["_id"])] = Recorded(after=after, omitted=frozenset(row.get("omitted") or ()))
    return found


async def _state_of_compacted(database: Database, user_id: Any, number: int) -> RawBSONDocument | None:
    rows = database[HISTORY].with_options(codec_options=IMAGE_CODEC)
    chain = (
        await rows.find({"user_id": user_id, "_id": {"$gte": number}})
        .sort("_id", 1)
        .limit(MAX_CHAIN + 1)
        .to_list()
    )
    end = next(index for index, row in enumerate(chain, start=1) if has_state(row))
    state = states_of(chain[:end])[0]
    return None if state is None else RawBSONDocument(bson.encode(state))


def needs_history(change: Change, approximate_until: Timestamp | None) -> bool:
    """Tell whether an image of a change is read from history.

    See `Position.approximate_until`.
    """
    if not (change.is_before_known and change.is_after_known):
        return True
    return approximate_until is not None and change.cluster_time <= approximate_until


async def _current_states(
    database: Database, user_ids: Sequence[Any]
) -> tuple[dict[Hashable, RawBSONDocument], Timestamp]:
    users = database[USERS].with_options(codec_options=_RAW)
    cursor = users.find({"_id": {"$in": list(user_ids)}}, {"password_hash": 0})
    current = {user_key(raw["_id"]): raw async for raw in cursor}
    # Read after the states, so that none of them is newer.
    read_at = await last_applied(database)
    return current, read_at


def _recorded(recorded: Recorded | None) -> _Known | None:
    if recorded is None:
        return None
    return _Known(image=decoded(recorded.after), raw=recorded.after, omitted=recorded.omitted)


def _chained(
    change: Change, known: dict[Hashable, _Known | None], current: Mapping[Hashable, RawBSONDocument]
) -> Change:
    key = change.user_key
    last = known[key]
    if last is not None:
        change = msgspec.structs.replace(change, before=last.image, is_before_known=True, unchecked=last.omitted)
    if not change.is_after_known:
        # The user is deleted by now. Its deletion comes later; until then no change of it is known.
        raw = current.get(key, last.raw if last else None)
        change = msgspec.structs.replace(change, after=decoded(raw), after_raw=raw)
    # An event is smaller than images that it did not hold; a row must be measured by what it is made of.
    image_bytes = _size(change.after_raw) + _size(last.raw if last else None)
    known[key] = _Known(image=decoded(change.after_raw), raw=change.after_raw, omitted=frozenset())
    return msgspec.structs.replace(change, size_bytes=max(change.size_bytes, image_bytes))


def _size(image: RawBSONDocument | None) -> int:
    return 0 if image is None else len(image.raw)
