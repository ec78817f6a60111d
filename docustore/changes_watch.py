"""Incidents of the change listener.

The worker tells of them: a listener that has stopped cannot.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from docustore.alerts import Fact
from docustore.changes.stall import LOOK_AGAIN_S, stall_of
from docustore.changes.status import ChangeStatus, change_status, is_short_of_oplog
from docustore.database import Database
from docustore.etl.incidents import LISTENER_KINDS, IncidentKind, close_incident, open_incident, open_incidents

# The place of a source in an incident.
SUBJECT: Final = "listener"


async def watch_listener(
    database: Database, *, limit_s: float, now: datetime, is_told: bool, look_again_s: float = LOOK_AGAIN_S
) -> None:
    """Open and close the incidents of the listener.

    `oplog_short`: the oplog reaches back less than an hour before the position, and changes wait.
    `listener_stalled`: a change waits for longer than `limit_s`, and the position does not move.

    Args:
        is_told: Someone receives alerts.
        look_again_s: The time in which a listener that works moves its position.
    """
    stall = await stall_of(database, limit_s=limit_s, look_again_s=look_again_s)
    found = problems(await change_status(database), stall=stall)
    for kind, facts in found.items():
        await open_incident(database, kind, SUBJECT, at=now, is_told=is_told, **facts)
    for incident in await open_incidents(database, LISTENER_KINDS):
        if incident["kind"] not in found:
            await close_incident(database, incident, at=now, is_told=is_told)


def problems(status: ChangeStatus, *, stall: str | None) -> Mapping[IncidentKind, Mapping[str, Fact]]:
    """List what a person must act on, with the facts of its message. Pure."""
    found: dict[IncidentKind, Mapping[str, Fact]] = {}
    if is_short_of_oplog(headroom_s=status.oplog_headroom_s, lag_s=status.lag_s):
        found[IncidentKind.OPLOG_SHORT] = {
            "oplog_headroom_s": status.oplog_headroom_s,
            "next_step": "start or resume the listener, or enlarge the oplog (replSetResizeOplog)",
        }
    if stall is not None:
        found[IncidentKind.LISTENER_STALLED] = {"problem": stall, "next_step": "run `docustore changes status`"}
    return found
