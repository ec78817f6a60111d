"""The stream of Valkey holds every change once, in the order of the numbers."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.destinations import request_fill
from docustore.outbox.valkey_stream import STREAM, ensure_stream, stream_opener
from tests.listening import following, make_user
from tests.receiving import delivering, is_drained, make_due
from tests.waiting import until


@pytest.fixture
def with_stream(local: Settings) -> Settings:
    return local.model_copy(update={"outbox_stream_key": f"changes-{uuid4().hex}", "outbox_stream_max_len": 50})


@pytest.fixture
async def valkey(with_stream: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(with_stream.redis_url or "") as client:
        yield client
        await client.delete(with_stream.outbox_stream_key or "")


async def _ids(valkey: Redis, settings: Settings) -> list[bytes]:
    return [entry_id for entry_id, _ in await valkey.xrange(settings.outbox_stream_key or "")]


async def test_stream_has_each_change_once(database: Database, with_stream: Settings, valkey: Redis) -> None:
    await ensure_stream(database, with_stream)
    async with following(database, with_stream):
        await wait_until_applied(database)
        await database["users"].insert_many([make_user() for _ in range(10)])
        await wait_until_applied(database)
        async with delivering(database, with_stream, stream=stream_opener(valkey, with_stream)):
            await until(lambda: is_drained(database), what="the stream")
            await request_fill(database, STREAM, since=0, until=None, actor="cli:ada")
            await until(lambda: _is_filled(database), what="a repetition")

    assert await _ids(valkey, with_stream) == [f"{number}-0".encode() for number in range(1, 11)]
    [(_, first), *_] = await valkey.xrange(with_stream.outbox_stream_key or "")
    assert first[b"type"] == b"user.created"
    assert json.loads(first[b"event"])["data"]["number"] == 1


async def _is_filled(database: Database) -> bool:
    stream = await database["outbox_destinations"].find_one({"_id": STREAM})
    return stream is not None and stream["delivered"] >= 20


async def test_stream_is_bounded(database: Database, with_stream: Settings, valkey: Redis) -> None:
    await ensure_stream(database, with_stream)
    async with following(database, with_stream):
        await wait_until_applied(database)
        await database["users"].insert_many([make_user() for _ in range(600)])
        await wait_until_applied(database)
        async with delivering(database, with_stream, stream=stream_opener(valkey, with_stream)):
            await until(lambda: is_drained(database), what="the stream")

    # Valkey removes whole nodes, of 100 entries by default.
    assert 50 <= len(await _ids(valkey, with_stream)) <= 150


async def test_valkey_that_is_away_loses_nothing(database: Database, with_stream: Settings, valkey: Redis) -> None:
    await ensure_stream(database, with_stream)
    # A key of another type refuses every entry, as a full memory does.
    await valkey.set(with_stream.outbox_stream_key or "", "in the way")
    async with following(database, with_stream):
        await wait_until_applied(database)
        await database["users"].insert_many([make_user() for _ in range(3)])
        await wait_until_applied(database)
        async with delivering(database, with_stream, stream=stream_opener(valkey, with_stream)):
            await until(lambda: _has_failures(database), what="the rest")
            await valkey.delete(with_stream.outbox_stream_key or "")
            await make_due(database)
            await until(lambda: is_drained(database), what="the stream")

    assert await _ids(valkey, with_stream) == [b"1-0", b"2-0", b"3-0"]


async def _has_failures(database: Database) -> bool:
    return await database["outbox_destinations"].find_one({"_id": STREAM, "failures": {"$gt": 0}}) is not None


async def test_stream_follows_its_setting(database: Database, local: Settings, with_stream: Settings) -> None:
    enabled = []
    for settings in (local, with_stream, local, with_stream):
        await ensure_stream(database, settings)
        stream = await database["outbox_destinations"].find_one({"_id": STREAM})
        enabled.append(stream and stream["is_enabled"])

    assert enabled == [None, True, False, True]
