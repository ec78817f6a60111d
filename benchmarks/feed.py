"""Benchmark of the live feed: a thousand readers at 500 writes a second.

Measured is the time from the acknowledgement of a write until a reader has its event, through the listener,
history and one API process. Floor: the same with one reader. Peer: one change stream for each reader, in one
process with the driver; deliveries per second of all its readers. MongoDB, listener, API, writers and readers
share the machine.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles
from typing import Any, Final, cast

import psutil
from bson import ObjectId
from pymongo import AsyncMongoClient

from benchmarks.api import serving
from benchmarks.changes import bench_database, listener_process
from benchmarks.raw_mongo import RawMongo, raw_mongo
from benchmarks.row import BenchRow
from benchmarks.steady_writes import CONNECTIONS, insert_steadily
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.launcher import allow_many_files
from docustore.feed.event_parser import EventParser

KEY: Final = "bench-key-of-the-feed-with-more-than-32-chars"
# Only these readers note the time of each event: the client must not be what is measured.
TIMED_READERS: Final = 10
START_S: Final = 60.0
DRAIN_S: Final = 60.0
_MARK: Final = b"event: change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many readers, and what they read."""

    readers: int = 1000
    # A change stream for each of a thousand readers would take minutes to open.
    peer_readers: int = 100
    writes_per_s: int = 500
    seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The result of one run."""

    latencies_ms: Sequence[float]
    deliveries: int
    seconds: float
    cpu_s: float
    bytes_per_reader: float


@dataclass(slots=True)
class _Client(asyncio.Protocol):
    """One reader on a plain connection.

    It speaks HTTP/1.0, so that the stream comes without chunks.
    """

    parser: EventParser | None
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    deliveries: int = 0
    received: list[tuple[int, float]] = field(default_factory=list)
    rest: bytes = b""
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        head = f"GET /changes HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\nAccept: text/event-stream\r\n\r\n"
        self.transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        chunk = self.rest + data
        self.deliveries += chunk.count(_MARK)
        # Shorter than the mark: it is never counted twice.
        self.rest = chunk[-len(_MARK) + 1 :]
        if not self.opened.is_set() and b"event: ready" in chunk:
            self.opened.set()
        if self.parser is not None:
            now = time.perf_counter()
            events = self.parser.feed(data)
            self.received.extend((int(e.id or 0), now) for e in events if e.name == "change")


async def run(settings: Settings) -> list[BenchRow]:
    """Measure in a separate database and drop it; takes about a minute."""
    async with bench_database(settings) as (database, own):
        return await measure(database, own, Load())


async def measure(database: Database, settings: Settings, load: Load) -> list[BenchRow]:
    """Measure one reader, many readers and the peer.

    The first run also starts the tail and fills the ring, so that the second one shows the memory of the readers.
    """
    allow_many_files()
    async with raw_mongo(settings.mongodb_url or "", connections=CONNECTIONS) as mongo:
        async with listener_process(settings), _api(database, settings, load) as (port, worker):
            await wait_until_applied(database)
            feed = partial(_feed, mongo, database, load, port, worker)
            one = await feed(readers=1)
            many = await feed(readers=load.readers)
        async with listener_process(settings):
            peer = await _change_streams(mongo, database, settings, load)
    name = f"feed, {load.readers:,} readers at {load.writes_per_s} writes/s"
    value, floor = _cuts(many.latencies_ms), _cuts(one.latencies_ms)
    rows = [
        BenchRow(
            name=f"{name}, commit to reader, {percent}",
            value=value[index],
            unit="ms",
            floor=floor[index],
            ratio_to_floor=value[index] / floor[index],
        )
        for percent, index in (("p50", 49), ("p99", 98))
    ]
    per_s, peer_per_s = many.deliveries / many.seconds, peer.deliveries / peer.seconds
    rows += [
        BenchRow(
            name=f"{name}, deliveries",
            value=per_s,
            unit="events/s",
            floor=float(load.readers * load.writes_per_s),
            ratio_to_floor=per_s / (load.readers * load.writes_per_s),
            peer=peer_per_s,
            ratio_to_peer=per_s / peer_per_s,
        ),
        BenchRow(name=f"{name}, processor of the API", value=100 * many.cpu_s / many.seconds, unit="% of a core"),
        BenchRow(name=f"{name}, memory", value=many.bytes_per_reader / 1024, unit="KiB/reader"),
    ]
    return rows


@asynccontextmanager
async def _api(database: Database, settings: Settings, load: Load) -> AsyncIterator[tuple[int, psutil.Process]]:
    """Run the API; yield its port and the process that serves it."""
    environment = {
        **os.environ,
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url or "",
        "DOCUSTORE_REDIS_URL": settings.redis_url or "",
        "DOCUSTORE_MONGODB_DATABASE": database.name,
        "DOCUSTORE_ADMIN_KEY": KEY,
        "DOCUSTORE_LOG_LEVEL": "error",
        "DOCUSTORE_FEED_MAX_READERS_PER_KEY": str(load.readers + 1),
    }
    async with serving(("docustore.api.server",), environment) as (port, pid):
        (worker,) = psutil.Process(pid).children()
        yield port, worker


async def _feed(
    mongo: RawMongo, database: Database, load: Load, port: int, worker: psutil.Process, *, readers: int
) -> Measured:
    memory_before = worker.memory_info().rss
    async with _connected(port, readers) as clients:
        cpu_before, started = _cpu_s(worker), time.perf_counter()
        acknowledged = await _write(mongo, database, load)
        await _until_delivered(clients, len(acknowledged))
        seconds = time.perf_counter() - started
        cpu_s = _cpu_s(worker) - cpu_before
        memory = worker.memory_info().rss - memory_before
        received = [client.received for client in clients if client.parser is not None]
        deliveries = sum(client.deliveries for client in clients)
    by_id = await _acknowledged_by_id(database, acknowledged)
    latencies = [(at - by_id[number]) * 1000 for each in received for number, at in each]
    return Measured(
        latencies_ms=latencies,
        deliveries=deliveries,
        seconds=seconds,
        cpu_s=cpu_s,
        bytes_per_reader=memory / readers,
    )


@asynccontextmanager
async def _connected(port: int, readers: int) -> AsyncIterator[list[_Client]]:
    loop = asyncio.get_running_loop()
    step = max(1, readers // TIMED_READERS)
    clients = [_Client(EventParser() if number % step == 0 else None) for number in range(readers)]
    try:
        for client in clients:
            await loop.create_connection(partial(_same, client), "127.0.0.1", port)
        async with asyncio.timeout(START_S):
            for client in clients:
                await client.opened.wait()
        yield clients
    finally:
        for client in clients:
            if client.transport is not None:
                client.transport.abort()


async def _write(mongo: RawMongo, database: Database, load: Load) -> dict[ObjectId, float]:
    return await insert_steadily(
        mongo, database.name, per_s=load.writes_per_s, seconds=load.seconds, first=time.perf_counter_ns()
    )


async def _until_delivered(clients: Sequence[_Client], events: int) -> None:
    """Wait for the last event at every reader.

    Raises:
        TimeoutError: A reader was disconnected or is far behind: the load is too high for this machine.
    """
    async with asyncio.timeout(DRAIN_S):
        while any(client.deliveries < events for client in clients):  # noqa: ASYNC110  # counted by the protocol
            await asyncio.sleep(0.01)


async def _acknowledged_by_id(database: Database, acknowledged: dict[ObjectId, float]) -> dict[int, float]:
    rows = database["user_history"].find({"user_id": {"$in": list(acknowledged)}}, {"user_id": 1})
    return {row["_id"]: acknowledged[row["user_id"]] async for row in rows}


async def _change_streams(mongo: RawMongo, database: Database, settings: Settings, load: Load) -> Measured:
    """Give each reader a change stream of its own."""
    counts = [0] * load.peer_readers
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings.mongodb_url, maxPoolSize=None)
    async with client, AsyncExitStack() as stack:
        users = client[database.name]["users"]
        streams = [
            await stack.enter_async_context(
                await users.watch(full_document="whenAvailable", batch_size=1000, max_await_time_ms=1000)
            )
            for _ in counts
        ]

        async def read(number: int) -> None:
            async for _ in streams[number]:
                counts[number] += 1

        process = psutil.Process()
        cpu_before, started = _cpu_s(process), time.perf_counter()
        reading = [asyncio.create_task(read(number)) for number in range(load.peer_readers)]
        acknowledged = await _write(mongo, database, load)
        deadline = time.perf_counter() + load.seconds
        is_done = False
        while not is_done:
            await asyncio.sleep(0.01)
            is_done = sum(counts) >= len(acknowledged) * load.peer_readers or time.perf_counter() > deadline
        seconds, cpu_s = time.perf_counter() - started, _cpu_s(process) - cpu_before
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return Measured(latencies_ms=(), deliveries=sum(counts), seconds=seconds, cpu_s=cpu_s, bytes_per_reader=0.0)


def _cuts(latencies_ms: Sequence[float]) -> list[float]:
    return quantiles(latencies_ms, n=100)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _same(client: _Client) -> _Client:
    return client
