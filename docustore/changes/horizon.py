"""How far history is complete, from the positions and the gaps on record."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from bson.binary import Binary
from bson.timestamp import Timestamp

from docustore.changes.dead_letters import LETTERS, OPEN_STATES, LetterState, id_of_key, key_bytes
from docustore.changes.gaps import GAPS
from docustore.changes.position import POSITIONS, ListenerState
from docustore.database import AWARE, Database, Document
from docustore.history.horizon import Gap, Horizon, Unrecorded

# Their changes never got a row of their own.
_GIVEN_UP: Final = (LetterState.SKIPPED, LetterState.SUPERSEDED)


async def read_horizon(database: Database) -> Horizon:
    """Read what readers of history must know.

    The times of a position are whole seconds. So the second in which it stands counts as not complete.
    """
    fields = {"seq": 1, "cluster_time": 1, "state": 1}
    positions = await database[POSITIONS].find({}, fields).to_list()
    followed = [each for each in positions if "state" in each]
    times = [_second(each.get("cluster_time")) for each in followed if _is_streaming(each)]
    known = [time for time in times if time is not None]
    is_known = bool(known) and len(known) == len(followed)
    gaps = await database[GAPS].find({}, {"lost_after": 1, "resumed_at": 1}).to_list()
    return Horizon(
        seq=max((int(each.get("seq") or 0) for each in positions), default=0),
        complete_until=min(known) if is_known else None,
        gaps=tuple(Gap(after=_second(gap.get("lost_after")), until=_end(gap.get("resumed_at"))) for gap in gaps),
        read_unrecorded=partial(_read_unrecorded, database),
    )


async def _read_unrecorded(database: Database, user_ids: Sequence[Any], until: datetime) -> list[Unrecorded]:
    """Read the dead letters whose changes have no row; see `Horizon.read_unrecorded`."""
    is_open = {"state": {"$in": list(OPEN_STATES)}}
    keys = [Binary(key_bytes(user_id)) for user_id in user_ids]
    is_given_up = {"state": {"$in": list(_GIVEN_UP)}, "key": {"$in": keys}}
    query = {"wall_time": {"$lte": until}, "$or": [is_open, is_given_up]}
    letters = database[LETTERS].with_options(codec_options=AWARE)
    found = letters.find(query, {"key": 1, "wall_time": 1, "state": 1})
    return [
        Unrecorded(
            user_id=id_of_key(letter["key"]), at=letter["wall_time"], is_open=letter["state"] in OPEN_STATES
        )
        async for letter in found
    ]


def _is_streaming(position: Document) -> bool:
    return bool(position["state"] == ListenerState.STREAMING.value)


def _second(time: Timestamp | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time.time, UTC)


def _end(time: Timestamp | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time.time, UTC) + timedelta(seconds=1)
