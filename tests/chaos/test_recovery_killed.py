"""A listener that is killed again and again during one recovery never wedges."""

from pathlib import Path

import pytest

from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.recovery import MAX_RECOVERIES
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.chaos.programs import Program, program
from tests.chaos.test_listener_killed import LISTENER, SHORT_LEASE, _marts_locked
from tests.listening import assert_consistent, history_of, make_user
from tests.waiting import until

USERS = 3000
KILLED_AT = (1, 1000, 2000, 3000)

pytestmark = [pytest.mark.chaos]


async def test_killed_during_one_recovery_it_never_wedges(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    """One more kill than losses are allowed: an interrupted recovery is not another loss."""
    assert len(KILLED_AT) > MAX_RECOVERIES
    log = tmp_path / "listener.log"
    async with program(*LISTENER, settings=settings, log=log, extra=SHORT_LEASE) as first:
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        await first.end()
    (row,) = await history_of(database)
    for _ in range(USERS // 1000):
        await database["users"].insert_many([make_user() for _ in range(1000)])
    data = row["event_id"]
    before_the_oplog = {"_data": f"82{int(data[2:10], 16) - 10_000_000:08X}{data[10:]}"}
    await database[POSITIONS].update_one(
        {"_id": POSITION_ID}, {"$set": {"token": before_the_oplog}, "$unset": {"start_at": 1}}
    )

    async with _marts_locked(database):
        # At the begin, between chunks, and at the end, which the lock holds back.
        for rows in KILLED_AT:
            async with program(*LISTENER, settings=settings, log=log, extra=SHORT_LEASE) as victim:
                await until(lambda victim=victim, rows=rows: _is_recovering(database, victim, rows=rows))  # type: ignore[misc]
                await victim.kill()
    async with program(*LISTENER, settings=settings, log=log, extra=SHORT_LEASE) as last:
        await wait_until_applied(database)
        await last.end()

    assert len(await history_of(database)) == USERS + 1
    assert await database["change_gaps"].count_documents({}) == 1
    await assert_consistent(database)


async def _is_recovering(database: Database, listener: Program, *, rows: int) -> bool:
    assert listener.is_running, listener.output
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    if position is None or position["state"] != "snapshotting":
        return False
    if f":{listener.pid}:" not in (position.get("owner") or ""):
        return False
    return await database["user_history"].count_documents({}) >= rows
