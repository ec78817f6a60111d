"""Benchmark of the change listener: latency at a steady load, then throughput.

Floor: reading the same backlog as raw bytes, with both images and no effects. Peer: the same effects with one
transaction per event. The listener is the real program; the process of the derived effects runs beside it.
"""

import asyncio
import time
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, UpdateOne

from benchmarks.changes import CHUNK, bench_database, listener_process, make_user
from benchmarks.raw_mongo import RawMongo, checked, op_msg, raw_mongo
from benchmarks.row import BenchRow
from benchmarks.steady_writes import CONNECTIONS, insert_steadily
from docustore.changes.apply import Reached, Writer, apply_effects
from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import fields_of
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.events import EVENT_CODEC
from docustore.changes.lease import acquire
from docustore.changes.pipeline import Images
from docustore.changes.position import POSITION_ID, POSITIONS, load_position
from docustore.changes.status import wait_until_applied
from docustore.changes.stream import ChangeReader
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.effect_states import EFFECT_STATES
from indexes.apply import apply_indexes

# The changes of one hour in a busy store: inserts, then updates of more than half of these users, then some
# deletes.
INSERTS: Final = 12_000
UPDATES: Final = 7_000
DELETES: Final = 1_000
# The documents of all collections but `users`, by name.
State = dict[str, list[Document]]
EVENTS: Final = INSERTS + UPDATES + DELETES
PER_EVENT_SAMPLE: Final = 600
REPETITIONS: Final = 3
WRITES_PER_S: Final = 500
LATENCY_S: Final = 10


async def run(settings: Settings) -> list[BenchRow]:
    """Measure in separate databases and drop them; takes about a minute.

    The latency comes first: after the backlogs, MongoDB would clean up during the measurement.
    """
    async with bench_database(settings) as (database, own):
        cuts = quantiles(await _latencies(database, own), n=100)
    latencies = [
        BenchRow(name=f"commit to effect at {WRITES_PER_S} writes/s, {name}", value=value, unit="ms")
        for name, value in (("p50", cuts[49]), ("p99", cuts[98]))
    ]
    async with bench_database(settings) as (database, own):
        return [await _throughput(database, own), *latencies]


async def _throughput(database: Database, settings: Settings) -> BenchRow:
    start = await _backlog(database, settings)
    drains, backlogs, per_events = [], [], []
    for _ in range(REPETITIONS):
        drains.append(await _drain(database, start))
        backlogs.append(await _apply_backlog(database, settings, start))
        per_events.append(await _apply_per_event(database, start))
    drain, backlog, per_event = median(drains), median(backlogs), median(per_events)
    return BenchRow(
        name="listener backlog, effects and position in transactions",
        value=backlog,
        unit="events/s",
        floor=drain,
        ratio_to_floor=backlog / drain,
        peer=per_event,
        ratio_to_peer=backlog / per_event,
    )


async def _backlog(database: Database, settings: Settings) -> State:
    """Write the backlog and return the state before it.

    The listener first starts on an empty store and stops again.
    """
    async with listener_process(settings):
        await wait_until_applied(database)
        await _until_live(database)
    state = {name: await database[name].find({}).to_list() for name in await _other_collections(database)}
    users = [make_user(number) for number in range(INSERTS)]
    for start in range(0, INSERTS, CHUNK):
        await database["users"].insert_many(users[start : start + CHUNK])
    operations: list[UpdateOne | DeleteOne] = [
        *map(_update, users[:UPDATES]),
        *(DeleteOne({"_id": u["_id"]}) for u in users[-DELETES:]),
    ]
    for start in range(0, len(operations), CHUNK):
        await database["users"].bulk_write(operations[start : start + CHUNK], ordered=False)
    return state


async def _until_live(database: Database) -> None:
    names = {"$in": [effect.name for effect in DERIVED]}
    while await database[EFFECT_STATES].count_documents({"_id": names, "state": "live"}) < len(DERIVED):  # noqa: ASYNC110  # it changes in the database
        await asyncio.sleep(0.02)


async def _other_collections(database: Database) -> list[str]:
    names = await database.list_collection_names(filter={"type": "collection"})
    return [name for name in names if name != "users" and not name.startswith("system.")]


async def _drain(database: Database, start: State) -> float:
    [position] = start[POSITIONS]
    options = {
        **_stream_start(position),
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


def _stream_start(position: Document) -> Document:
    """Return the option that opens a change stream at a stored position."""
    token = position.get("token")
    return {"startAtOperationTime": position["start_at"]} if token is None else {"resumeAfter": token}


async def _apply_backlog(database: Database, settings: Settings, start: State) -> float:
    """Measure from the first applied change to the last one.

    The start of the process does not count.
    """
    await _reset_listener(database, start)
    async with listener_process(settings):
        first, started = await _until_seq(database, 1)
        last, ended = await _until_seq(database, EVENTS)
    return (last - first) / (ended - started)


async def _apply_per_event(database: Database, start: State) -> float:
    await _reset_listener(database, start)
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
    """Measure the latency of each write at a steady rate, in milliseconds.

    The latency is the time from the acknowledgement of a write until a reader sees a position that
    includes its change. The position is read every 5 ms.
    """
    await _reset_listener(database, None)
    seen: list[tuple[int, float]] = []
    url = settings.mongodb_url or ""
    async with listener_process(settings), raw_mongo(url, connections=CONNECTIONS) as mongo:
        first = await wait_until_applied(database)
        until = first + WRITES_PER_S * LATENCY_S
        watch = asyncio.create_task(_watch_seq(mongo, database.name, seen, until=until))
        acknowledged = await insert_steadily(
            mongo, database.name, per_s=WRITES_PER_S, seconds=LATENCY_S, first=10_000_000
        )
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


async def _watch_seq(mongo: RawMongo, database: str, seen: list[tuple[int, float]], *, until: int) -> None:
    only_seq = {"filter": {"_id": POSITION_ID}, "projection": {"seq": 1}, "limit": 1, "singleBatch": True}
    message = op_msg({"find": POSITIONS, **only_seq, "readConcern": {"level": "majority"}, "$db": database})
    while not seen or seen[-1][0] < until:
        [position] = checked(await mongo.send(message))["cursor"]["firstBatch"]
        if not seen or position["seq"] > seen[-1][0]:
            seen.append((position["seq"], time.perf_counter()))
        await asyncio.sleep(0.005)


async def _reset_listener(database: Database, state: State | None) -> None:
    """Bring everything but the users back to a state.

    Args:
        state: None is the state before the first start of a listener, on an empty store.
    """
    # Drop, not delete: the server would clean up after the deletes during the next measurement.
    for name in await _other_collections(database):
        await database.drop_collection(name)
    await apply_indexes(database)
    if state is None:
        await database["users"].delete_many({})
    for name, documents in (state or {}).items():
        if documents:
            await database[name].insert_many(documents)


async def _until_seq(database: Database, seq: int) -> tuple[int, float]:
    """Wait for a number of history; return the one reached, and when."""
    while (reached := await _seq(database)) < seq:  # noqa: ASYNC110  # the condition changes in the database, not in this process
        await asyncio.sleep(0.005)
    return reached, time.perf_counter()


async def _seq(database: Database) -> int:
    position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
    return 0 if position is None else int(position["seq"])


def _update(user: Document) -> UpdateOne:
    changed = {"status": "inactive", "profile.location": "Paris", "updated_at": datetime.now(UTC)}
    return UpdateOne({"_id": user["_id"]}, {"$set": changed, "$inc": {"version": 1}})
