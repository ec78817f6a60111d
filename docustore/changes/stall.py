"""Whether the listener stands still while changes wait."""

import asyncio
from typing import Any, Final

from docustore.changes.position import OWNED_POSITIONS, POSITIONS, ListenerState
from docustore.changes.status import ChangeStatus, change_status
from docustore.database import Database

# A listener that works moves its position several times a second.
LOOK_AGAIN_S: Final = 1.0


async def stall_of(database: Database, *, limit_s: float, look_again_s: float = LOOK_AGAIN_S) -> str | None:
    """Tell in a sentence why changes wait; None if they do not wait, or not for long.

    A listener that works off a backlog does not stand still, however old the backlog is. One that an operator has
    paused does not either: that is a decision, and `changes status` shows it.

    Args:
        limit_s: The age of the oldest waiting change that is still well.
    """
    before = await _progress(database)
    sentence = stall_sentence(await change_status(database), limit_s=limit_s)
    if sentence is None or before != await _progress(database):
        return None
    await asyncio.sleep(look_again_s)
    return None if before != await _progress(database) else sentence


async def failure_of(database: Database) -> str | None:
    """Tell in a sentence why the listener stopped; None once the position moves.

    A supervisor restarts it, so its heartbeat may be fresh.
    """
    query = {**OWNED_POSITIONS, "last_error": {"$ne": None}}
    found = await database[POSITIONS].find_one(query, {"last_error.message": 1})
    return None if found is None else str(found["last_error"]["message"])


def stall_sentence(status: ChangeStatus, *, limit_s: float) -> str | None:
    """Judge one look at the status. Pure."""
    if status.state is ListenerState.PAUSED:
        return None
    if status.state is ListenerState.LOST:
        return "the oplog no longer reaches back to the position: start the listener, or reset it"
    if status.lag_s is None or status.lag_s <= limit_s:
        return None
    return f"the oldest change waits for {status.lag_s:.0f} s, and the position does not move"


async def _progress(database: Database) -> Any:
    shown = {"seq": 1, "cluster_time": 1, "snapshot.rows": 1, "snapshot.after": 1}
    return await database[POSITIONS].find({}, shown, sort=[("_id", 1)]).to_list()
