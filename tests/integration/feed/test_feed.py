"""Every reader gets every committed change exactly once, or is told that it does not."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from docustore.changes.position import POSITIONS
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import FeedBusyError, StreamQuotaError, UnauthenticatedError
from docustore.feed.feed import Feed
from docustore.feed.filters import feed_filter
from docustore.feed.reader import Closed, CloseReason, Reset, ResetReason, Silence
from docustore.feed.ring import Batch
from docustore.history.models import HISTORY
from docustore.security.key_ring import Credential
from tests.feed_rows import commit_range, commit_rows, stored_row
from tests.integration.feed.conftest import OPTIONS, ids_until, reading
from tests.waiting import until


async def test_reader_continues_after_its_id(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 30)
    with reading(feed) as reader:
        await feed.open(reader, after=10)
        first = await ids_until(feed, reader, 30)
        await commit_range(database, 31, 50)

        assert first + await ids_until(feed, reader, 50) == list(range(11, 51))


async def test_reader_without_an_id_starts_now(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 5)
    with reading(feed) as reader:
        await feed.open(reader, after=None)
        assert reader.after == 5
        await commit_range(database, 6, 6)

        assert await ids_until(feed, reader, 6) == [6]


async def test_reader_behind_the_ring_catches_up(feed: Feed, database: Database) -> None:
    """It reads pages of history while the others live on, and then joins them."""
    await commit_range(database, 1, 2300)
    with reading(feed) as reader:
        await feed.open(reader, after=0)
        writing = asyncio.create_task(commit_range(database, 2301, 2400))
        found = await ids_until(feed, reader, 2400)
        await writing

        assert found == list(range(1, 2401))
        await commit_range(database, 2401, 2401)
        assert await ids_until(feed, reader, 2401) == [2401]
        assert reader.is_live


async def test_rows_that_are_not_committed_are_no_history(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 3)
    await database[HISTORY].insert_one(stored_row(4))
    with reading(feed) as reader:
        await feed.open(reader, after=0)
        assert await ids_until(feed, reader, 3) == [1, 2, 3]
        assert (feed.ring.end, reader.after) == (3, 3)


async def test_changes_of_one_user_in_the_past_and_now(feed: Feed, database: Database) -> None:
    user_id = ObjectId()
    rows = [stored_row(n, user_id=user_id if n % 400 == 0 else None) for n in range(1, 2201)]
    await commit_rows(database, rows)
    with reading(feed, feed_filter(user_id=str(user_id))) as reader:
        await feed.open(reader, after=0)
        old = await ids_until(feed, reader, 2200)
        await commit_rows(database, [stored_row(2201), stored_row(2202, user_id=user_id)])

        assert old == [400, 800, 1200, 1600, 2000]
        assert await ids_until(feed, reader, 2202) == [2202]


async def test_filter_that_matches_nothing_moves_on(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 1500)
    with reading(feed, feed_filter(operation="insert")) as reader:
        await feed.open(reader, after=0)
        reader.due_at = 0.0
        while not isinstance(await feed.step(reader), Batch) and reader.after < 1500:
            pass

        assert reader.after == 1500


@pytest.mark.parametrize("wanted", [feed_filter(), feed_filter(user_id="someone")], ids=["all", "one user"])
@pytest.mark.parametrize("how", ["removed", "emptied"])
async def test_removed_history_is_told(feed: Feed, database: Database, wanted: Any, how: str) -> None:
    await commit_range(database, 1, 3000, user_id="someone")
    old = {"_id": {"$lte": 700}}
    if how == "removed":
        await database[HISTORY].delete_many(old)
    else:
        await database[HISTORY].update_many(old, {"$unset": {"after": 1}})
    with reading(feed, wanted) as reader, reading(feed, wanted) as luckier:
        await feed.open(reader, after=650)
        await feed.open(luckier, after=700)

        assert await feed.step(reader) == Reset(at=3000, reason=ResetReason.REMOVED)
        assert await ids_until(feed, luckier, 3000) == list(range(701, 3001))
        await commit_range(database, 3001, 3001, user_id="someone")
        assert await ids_until(feed, reader, 3001) == [3001]


async def test_id_of_another_history_is_told(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 5)
    with reading(feed) as reader:
        await feed.open(reader, after=900)

        assert await feed.step(reader) == Reset(at=5, reason=ResetReason.UNKNOWN)
        assert feed.readers.resets == 1


async def test_id_that_another_process_has_seen_first_is_no_reset(feed: Feed, database: Database) -> None:
    """The tail of this process may be some milliseconds behind that of the last one."""
    await commit_range(database, 1, 8)
    with reading(feed) as reader:
        await feed.open(reader, after=7)
        feed.ring.restart(5)

        assert await ids_until(feed, reader, 8) == [8]


async def test_restored_backup_resets_live_readers(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 20)
    with reading(feed) as reader:
        await feed.open(reader, after=20)
        await database[HISTORY].delete_many({"_id": {"$gt": 12}})
        await database[POSITIONS].update_many({}, {"$set": {"seq": 12}})

        assert await feed.step(reader) == Reset(at=12, reason=ResetReason.UNKNOWN)
        await commit_range(database, 13, 13)
        assert await ids_until(feed, reader, 13) == [13]


async def test_hole_resets_live_readers(feed: Feed, database: Database) -> None:
    await commit_range(database, 1, 3)
    with reading(feed) as reader:
        await feed.open(reader, after=3)
        await commit_rows(database, [stored_row(5), stored_row(6)])

        assert await feed.step(reader) == Reset(at=6, reason=ResetReason.REMOVED)


async def test_reader_that_falls_behind_the_ring_is_slow(feed: Feed, database: Database) -> None:
    with reading(feed) as reader, reading(feed) as quick:
        for each in (reader, quick):
            await feed.open(each, after=0)
        await commit_range(database, 1, 50)
        assert await ids_until(feed, reader, 50) == list(range(1, 51))
        await ids_until(feed, quick, 50)
        reader.writing_since = 0.0
        for start in range(51, 351, 50):
            await commit_range(database, start, start + 49)
            await ids_until(feed, quick, start + 49)

        assert await feed.step(reader) == Closed(reason=CloseReason.SLOW)
    assert feed.readers.ended[CloseReason.SLOW] == 1
    with reading(feed) as again:
        await feed.open(again, after=50)
        assert await ids_until(feed, again, 350) == list(range(51, 351))


async def test_load_of_many_users_makes_no_reader_slow(feed: Feed, database: Database) -> None:
    """The tail reads a load in parts, and waits for the readers that take them."""
    with reading(feed) as reader, reading(feed) as other:
        for each in (reader, other):
            await feed.open(each, after=None)
        taking = [asyncio.create_task(ids_until(feed, each, 1500)) for each in (reader, other)]
        await commit_range(database, 1, 1500)

        assert await asyncio.gather(*taking) == [list(range(1, 1501))] * 2


async def test_readers_are_told_of_the_silence(feed: Feed) -> None:
    with reading(feed) as reader:
        await feed.open(reader, after=None)
        reader.due_at = 0.0

        assert await feed.step(reader) == Silence()


class Commands(CommandListener):
    def __init__(self) -> None:
        self.reads: list[str] = []

    def started(self, event: Any) -> None:
        if event.command_name in {"find", "getMore", "aggregate"}:
            self.reads.append(event.command.get("find") or event.command_name)

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


async def test_many_readers_cost_one_read(database: Database, settings: Settings) -> None:
    """And one encoding: all of them get the same bytes."""
    commands = Commands()
    await commit_range(database, 1, 10)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongodb_url, event_listeners=[commands])
    async with client:
        feed = Feed(client[database.name], OPTIONS)
        with ExitStack() as stack:
            readers = [stack.enter_context(reading(feed)) for _ in range(1000)]
            for reader in readers:
                await feed.open(reader, after=None)
            stepping = [asyncio.create_task(feed.step(reader)) for reader in readers]
            commands.reads.clear()
            await commit_range(database, 11, 20)
            batches = await asyncio.gather(*stepping)
            reads = commands.reads.count(HISTORY)
        await feed.close()

    assert reads == 1
    assert {id(batch.server_sent) for batch in batches if isinstance(batch, Batch)} == {id(batches[0].server_sent)}  # type: ignore[union-attr]


async def test_readers_are_limited(database: Database) -> None:
    feed = Feed(database, replace(OPTIONS, max_readers=3, max_readers_per_key=2))
    with reading(feed, key_id="a"), reading(feed, key_id="a"):
        with pytest.raises(StreamQuotaError):
            feed.readers.require_room("a")
        feed.readers.require_room("b")
        with reading(feed, key_id="b"), pytest.raises(FeedBusyError):
            feed.readers.require_room("c")
    feed.readers.require_room("a")


async def test_revoked_key_ends_its_streams_only(database: Database) -> None:
    revoked = Credential("old", is_session=False)

    async def prove(credential: Credential) -> Any:
        if credential == revoked:
            raise UnauthenticatedError

    feed = Feed(database, OPTIONS, prove=prove)
    with reading(feed) as reader, reading(feed) as other:
        reader.credential, other.credential = revoked, Credential("new", is_session=False)
        await feed.open(reader, after=None)
        await feed.open(other, after=None)

        assert await feed.step(reader) == Closed(reason=CloseReason.UNAUTHORISED)
        assert other.closing is None
    await feed.close()


async def test_stop_ends_all_streams(feed: Feed) -> None:
    with reading(feed) as reader:
        await feed.open(reader, after=None)
        stepping = asyncio.create_task(feed.step(reader))
        closing = asyncio.create_task(feed.close())
        step = await stepping
    await closing

    assert step == Closed(reason=CloseReason.SHUTDOWN)
    with pytest.raises(FeedBusyError):
        feed.readers.require_room("k1")


async def test_reader_that_takes_nothing_is_cut_off(database: Database) -> None:
    feed = Feed(database, replace(OPTIONS, write_timeout_s=0.05))
    with reading(feed) as reader:
        await feed.open(reader, after=None)
        reader.task = asyncio.create_task(asyncio.Event().wait())
        reader.writing_since = 0.0

        await until(lambda: _is_cancelled(reader.task), what="the end of the stuck write")
        assert reader.closing is CloseReason.SLOW
    await feed.close()


async def _is_cancelled(task: asyncio.Task[Any] | None) -> bool:
    assert task is not None
    return task.cancelled()
