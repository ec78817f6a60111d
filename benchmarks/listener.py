"""The change listener: a backlog with all effects, against the bare stream and effects per event; then latency.

Floor: reading the same backlog as raw bytes, with both images, and doing nothing. Peer: the same effects with
one transaction per event.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any, Final
from uuid import uuid4

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, UpdateOne

from benchmarks.row import BenchRow
from docustore.changes.apply import Reached, Writer, apply_effects
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import fields_of
from docustore.changes.effects.registry import EFFECTS
from docustore.changes.events import EVENT_CODEC
from docustore.changes.lease import acquire
from docustore.changes.listener import listen
from docustore.changes.pipeline import Images
from docustore.changes.position import POSITION_ID, POSITIONS, load_position
from docustore.changes.status import wait_until_applied
from docustore.changes.stream import ChangeReader
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.document_models import open_database
from indexes.apply import apply_indexes

# An hour's load of a busy store: most users new, a third changed once, a few deleted.
INSERTS: Final = 12_000
UPDATES: Final = 7_000
DELETES: Final = 1_000
EVENTS: Final = INSERTS + UPDATES + DELETES
PER_EVENT_SAMPLE: Final = 600
REPETITIONS: Final = 3
WRITES_PER_S: Final = 500
LATENCY_S: Final = 10
CHUNK: Final = 1000


async def run(settings: Settings) -> list[BenchRow]:
    """Measure on a database of its own, dropped afterwards; takes about half a minute."""
    async with _bench_database(settings) as (database, own):
        start = await _backlog(database, own)
        drains, backlogs, per_events = [], [], []
        for _ in range(REPETITIONS):
            drains.append(await _drain(database, start))
            backlogs.append(await _apply_backlog(database, own, start))
            per_events.append(await _apply_per_event(database, start))
        drain, backlog, per_event = median(drains), median(backlogs), median(per_events)
        rows = [
            BenchRow(
                name="listener backlog, effects and position in transactions",
                value=backlog,
                unit="events/s",
                floor=drain,
                ratio_to_floor=backlog / drain,
                peer=per_event,
                ratio_to_peer=backlog / per_event,
            )
        ]
        latencies = await _latencies(database, own)
        cuts = quantiles(latencies, n=100)
        for name, value in (("p50", cuts[49]), ("p99", cuts[98])):
            rows.append(
                BenchRow(name=f"commit to effect at {WRITES_PER_S} writes/s, {name}", value=value, unit="ms")
            )
        return rows


@asynccontextmanager
async def _bench_database(settings: Settings) -> AsyncIterator[tuple[Database, Settings]]:
    own = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
    async with open_database(own, app_name="docustore-bench") as database:
        await apply_indexes(database)
        try:
            yield database, own
        finally:
            await database.client.drop_database(database.name)


async def _backlog(database: Database, settings: Settings) -> Document:
    """Let the listener start on an empty store and stop, write the backlog, and return the position before it."""
    async with _listening(database, settings):
        await wait_until_applied(database)
    position = await database[POSITIONS].find_one({"_id": POSITION_ID})
    assert position is not None
    users = [_user(number) for number in range(INSERTS)]
    for start in range(0, INSERTS, CHUNK):
        await database["users"].insert_many(users[start : start + CHUNK])
    operations: list[UpdateOne | DeleteOne] = [
        *map(_update, users[:UPDATES]),
        *(DeleteOne({"_id": u["_id"]}) for u in users[-DELETES:]),
    ]
    for start in range(0, len(operations), CHUNK):
        await database["users"].bulk_write(operations[start : start + CHUNK], ordered=False)
    return position


async def _drain(database: Database, start: Document) -> float:
    options = {
        "resumeAfter": start["token"],
        "fullDocument": "whenAvailable",
        "fullDocumentBeforeChange": "whenAvailable",
    }
    events = 0
    async with database.client.start_session(causal_consistency=False) as session:
        started = time.perf_counter()
        command: dict[str, Any] = {
            "aggregate": "users",
            "pipeline": [{"$changeStream": options}],
            "cursor": {"batchSize": 0},
        }
        reply: RawBSONDocument = await database.command(command, session=session, codec_options=EVENT_CODEC)
        cursor_id = reply["cursor"]["id"]
        while events < EVENTS:
            command = {"getMore": cursor_id, "collection": "users", "batchSize": CHUNK}
            reply = await database.command(command, session=session, codec_options=EVENT_CODEC)
            events += len(reply["cursor"]["nextBatch"])
        return events / (time.perf_counter() - started)


async def _apply_backlog(database: Database, settings: Settings, start: Document) -> float:
    await _forget(database, start)
    started = time.perf_counter()
    async with _listening(database, settings):
        await _until_seq(database, EVENTS)
        return EVENTS / (time.perf_counter() - started)


async def _apply_per_event(database: Database, start: Document) -> float:
    await _forget(database, start)
    lease = await acquire(database, owner="bench", lease_s=60)
    assert lease is not None
    position = await load_position(database, fence=lease.fence)
    reader = ChangeReader(
        database,
        start=position.start,
        images=Images.BOTH,
        fields=fields_of(EFFECTS),
        batch_size=PER_EVENT_SAMPLE,
    )
    async with reader, database.client.start_session() as session:
        writer = Writer(database=database, session=session, lease_ms=60_000)
        batch = await reader.parse(await reader.fetch())
        started = time.perf_counter()
        for change in batch.changes:
            reached = Reached(token=change.token, cluster_time=change.cluster_time, is_exact=True)
            effects = BatchEffects(EFFECTS, seq=position.seq)
            effects.add((change,))
            position = await apply_effects(writer, position, effects, reached=reached)
        return len(batch.changes) / (time.perf_counter() - started)


async def _latencies(database: Database, settings: Settings) -> list[float]:
    """Write at a steady rate and return, per write, the milliseconds from its acknowledgement to its effect.

    An effect is there when a reader sees the position moved over it; it is looked for every 2 ms.
    """
    await _forget(database, None)
    acknowledged: dict[ObjectId, float] = {}
    seen: list[tuple[int, float]] = []
    async with _listener_process(settings):
        first = await wait_until_applied(database)
        watch = asyncio.create_task(_watch_seq(database, seen, until=first + WRITES_PER_S * LATENCY_S))
        await _write_steadily(database, acknowledged)
        await watch
    rows = database["user_history"].find({"_id": {"$gt": first}}, {"user_id": 1}).sort("_id", 1)
    by_seq = {row["_id"]: row["user_id"] async for row in rows}
    latencies: list[float] = []
    previous = first
    for seq, at in seen:
        numbers = range(previous + 1, seq + 1)
        latencies.extend((at - acknowledged[by_seq[number]]) * 1000 for number in numbers)
        previous = max(previous, seq)
    return latencies


async def _write_steadily(database: Database, acknowledged: dict[ObjectId, float]) -> None:
    async def write(number: int) -> None:
        user = _user(number)
        await database["users"].insert_one(user)
        acknowledged[user["_id"]] = time.perf_counter()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITES_PER_S * LATENCY_S):
            await asyncio.sleep(max(0.0, started + number / WRITES_PER_S - time.perf_counter()))
            tasks.create_task(write(10_000_000 + number))


async def _watch_seq(database: Database, seen: list[tuple[int, float]], *, until: int) -> None:
    while not seen or seen[-1][0] < until:
        seq = await _seq(database)
        if not seen or seq > seen[-1][0]:
            seen.append((seq, time.perf_counter()))
        await asyncio.sleep(0.002)


@asynccontextmanager
async def _listener_process(settings: Settings) -> AsyncIterator[None]:
    """Run the real process: in this one it would share the processor with the writers that it is measured by."""
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url or "",
        "DOCUSTORE_REDIS_URL": settings.redis_url or "",
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        "DOCUSTORE_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers.listener", env=environment)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _listening(database: Database, settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await listener


async def _forget(database: Database, start: Document | None) -> None:
    """Put the listener back to where it was, or (None) to before its first start, on an empty store."""
    # Dropped, not emptied: the server would go on tidying up behind the deletes while the next figure is taken.
    for name in ("user_history", "user_stats", POSITIONS):
        await database.drop_collection(name)
    await apply_indexes(database)
    if start is None:
        await database["users"].delete_many({})
    else:
        await database[POSITIONS].insert_one(start)


async def _until_seq(database: Database, seq: int) -> None:
    while await _seq(database) < seq:  # noqa: ASYNC110  # what is waited for happens in the database
        await asyncio.sleep(0.02)


async def _seq(database: Database) -> int:
    position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
    return 0 if position is None else int(position["seq"])


def _user(number: int) -> Document:
    now = datetime.now(UTC)
    email = f"user{number}@example.org"
    return {
        "_id": ObjectId(),
        "email": email,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "status": "active",
        "profile": {
            "avatar": "https://example.org/avatars/ada.png",
            "bio": "Mathematician and writer, known for her work on the Analytical Engine.",
            "location": "London",
            "preferences": {"notifications": True, "theme": "light", "language": "en"},
        },
        "roles": ["user"],
        "local_roles": [],
        "tags": ["pioneer"],
        "identities": [{"key": f"crm:{number}", "modified_at": now, "hash": "0" * 24}],
        "search_terms": ["ada", email, "example", "example.org", "lovelace", "org", f"user{number}"],
        "created_at": now,
        "updated_at": now,
        "updated_by": "etl:crm",
        "deleted_at": None,
        "version": 1,
        "schema_version": 1,
    }


def _update(user: Document) -> UpdateOne:
    changed = {"status": "inactive", "profile.location": "Paris", "updated_at": datetime.now(UTC)}
    return UpdateOne({"_id": user["_id"]}, {"$set": changed, "$inc": {"version": 1}})
