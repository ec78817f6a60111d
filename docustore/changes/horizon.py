"""How far history is complete, from the positions and the gaps on record."""

from datetime import UTC, datetime, timedelta

from bson.timestamp import Timestamp

from docustore.changes.gaps import GAPS
from docustore.changes.position import POSITIONS, ListenerState
from docustore.database import Database, Document
from docustore.history.horizon import Gap, Horizon


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
    )


def _is_streaming(position: Document) -> bool:
    return bool(position["state"] == ListenerState.STREAMING.value)


def _second(time: Timestamp | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time.time, UTC)


def _end(time: Timestamp | None) -> datetime | None:
    return None if time is None else datetime.fromtimestamp(time.time, UTC) + timedelta(seconds=1)
