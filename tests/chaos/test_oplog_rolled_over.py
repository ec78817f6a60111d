"""A listener that was away until the oplog rolled over.

The server has a tiny oplog, so the rollover is real.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bson.timestamp import Timestamp

from docustore.changes.effects.fields import ImageFields
from docustore.changes.pipeline import Images
from docustore.changes.position import POSITION_ID, POSITIONS, position_of
from docustore.changes.status import change_status, wait_until_applied
from docustore.changes.stream import ChangeReader
from docustore.config import Settings
from docustore.database import Database, connect
from docustore.embedded.binaries import SearchPlaces, find_mongod
from docustore.embedded.credentials import Credentials
from docustore.embedded.local_server import start_server, stop_server
from docustore.embedded.mongod import Mongod
from docustore.errors import PositionLostError
from indexes.apply import apply_indexes
from tests.chaos.replica_set import SMALL_JOURNAL
from tests.listening import assert_consistent, following, history_of, make_user
from tests.waiting import until

CHANGE_STREAM_HISTORY_LOST = 286
FILLING = "x" * 500_000

pytestmark = [pytest.mark.chaos]


class TinyOplog(Mongod):
    """The embedded server, with an oplog of one MiB: a few large writes roll it over.

    The server keeps everything since the last checkpoint for a restart, so checkpoints are frequent.
    """

    def command(self, *, binary: Path, folder: Path, port: int) -> list[str]:
        return [*super().command(binary=binary, folder=folder, port=port), "--syncdelay", "1", *SMALL_JOURNAL]


@pytest.fixture
async def settings(tmp_path: Path) -> AsyncIterator[Settings]:
    binary = await find_mongod(SearchPlaces())
    mongod = TinyOplog(credentials=Credentials(), oplog_mib=1)
    server = await start_server(mongod, data_dir=tmp_path, binary=binary, preferred_port=None)
    try:
        await mongod.make_ready(server.port)
        yield Settings(mongodb_url=mongod.service_url(server.port), mongodb_database="rolled_over")
    finally:
        await stop_server(server)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with connect(settings, app_name="docustore-tests") as database:
        await apply_indexes(database)
        yield database


async def _roll_over(database: Database) -> None:
    """Write until the oplog begins after the listener's position."""
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    assert position is not None

    async def has_rolled() -> bool:
        await database["filling"].insert_one({"text": FILLING})
        oldest = await database.client["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
        start: Timestamp = position["cluster_time"]
        return oldest is not None and oldest["ts"] > start

    await until(has_rolled)


async def test_nothing_is_lost_silently(database: Database, settings: Settings) -> None:
    """One changed, one deleted and one new user beyond the oplog.

    History knows three users.
    """
    users = [make_user() for _ in range(4)]
    await database["users"].insert_many(users[:3])
    async with following(database, settings):
        await wait_until_applied(database)
    change = {"$set": {"status": "suspended"}, "$inc": {"version": 1}}
    await database["users"].update_one({"_id": users[0]["_id"]}, change)
    await database["users"].delete_one({"_id": users[1]["_id"]})
    await database["users"].insert_one(users[3])
    await _roll_over(database)
    assert (await change_status(database)).state == "lost"

    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    rows = (await history_of(database))[3:]
    assert {row["user_id"] for row in rows[:3]} == {users[n]["_id"] for n in (0, 1, 3)}
    assert [row["operation"] for row in rows] == ["recovered"] * 3 + ["insert"]
    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["code"], gap["rows"]) == (CHANGE_STREAM_HISTORY_LOST, 3)
    await assert_consistent(database)


async def test_lost_partitions_are_recovered_as_one(database: Database, settings: Settings) -> None:
    """One gap for all users; then they are divided again."""
    users = [make_user() for _ in range(20)]
    two = settings.model_copy(update={"changes_partitions": 2})
    async with following(database, two):
        await until(lambda: _is_divided(database, 2))
        await database["users"].insert_many(users)
        await wait_until_applied(database)
    await database["users"].update_many({}, {"$set": {"status": "suspended"}, "$inc": {"version": 1}})
    await _roll_over(database)
    assert (await change_status(database)).state == "lost"

    async with following(database, two):
        await until(lambda: database["change_gaps"].find_one({"closed_at": {"$exists": True}}))
        await until(lambda: _is_divided(database, 2))
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)

    operations = [row["operation"] for row in await history_of(database)]
    assert operations == ["insert"] * 20 + ["recovered"] * 20 + ["insert"]
    (gap,) = await database["change_gaps"].find().to_list()
    assert (gap["code"], gap["rows"]) == (CHANGE_STREAM_HISTORY_LOST, 20)
    await assert_consistent(database)


async def _is_divided(database: Database, partitions: int) -> bool:
    status = await change_status(database)
    return len(status.partitions) == partitions and status.owner is not None


async def test_overtaken_cursor_is_a_lost_position(database: Database, settings: Settings) -> None:
    """The oplog rolls over an open stream that is not read; the listener of it would exit with code 136."""
    await database["users"].insert_one(make_user())
    async with following(database, settings):
        await wait_until_applied(database)
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    assert position is not None
    reader = ChangeReader(
        database,
        start=position_of(position).start,
        images=Images.BOTH,
        fields=ImageFields(),
        batch_size=10,
    )
    async with reader:
        await database["users"].insert_one(make_user())
        await _roll_over(database)

        with pytest.raises(PositionLostError):
            await _read_on(reader)


async def _read_on(reader: ChangeReader) -> None:
    """Read what the server has buffered, up to the failure."""
    for _ in range(100):
        await reader.fetch()
