"""Benchmark of partitions: two listener processes beside one.

The listeners are paused while the backlog is written. The clock runs from the first applied change to the last
one, so neither the start of a process nor that of a lease counts. On two cores the two processes share them with
MongoDB.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median
from typing import Final

from benchmarks.changes import CHUNK, bench_database, listener_process, make_user
from benchmarks.row import BenchRow
from docustore.changes import control
from docustore.changes.position import POSITION_ID, POSITIONS
from docustore.changes.status import change_status, wait_until_applied
from docustore.config import Settings
from docustore.database import Database

EVENTS: Final = 40_000
REPETITIONS: Final = 3
ACTOR: Final = "bench"


async def run(settings: Settings) -> list[BenchRow]:
    """Measure in a separate database and drop it; takes about a minute."""
    one = [await _events_per_s(settings, processes=1) for _ in range(REPETITIONS)]
    two = [await _events_per_s(settings, processes=2) for _ in range(REPETITIONS)]
    alone, shared = median(one), median(two)
    return [
        BenchRow(
            name="listener backlog, two processes with a partition each",
            value=shared,
            unit="events/s",
            peer=alone,
            ratio_to_peer=shared / alone,
        )
    ]


async def _events_per_s(settings: Settings, *, processes: int) -> float:
    async with bench_database(settings) as (database, own), AsyncExitStack() as running:
        partitioned = own.model_copy(update={"changes_partitions": processes})
        for _ in range(processes):
            await running.enter_async_context(listener_process(partitioned))
        await _until_owned(database, processes)
        before = await wait_until_applied(database)
        await control.pause(database, actor=ACTOR)
        for start in range(0, EVENTS, CHUNK):
            await database["users"].insert_many([make_user(number) for number in range(start, start + CHUNK)])
        await control.resume(database, actor=ACTOR)
        first, started = await _progress(database, above=before)
        last, ended = await _progress(database, above=before + EVENTS - 1)
        return (last - first) / (ended - started)


async def _until_owned(database: Database, partitions: int) -> None:
    while True:
        status = await change_status(database)
        owners = {part.owner for part in status.partitions}
        if len(owners) == len(status.partitions) == partitions and None not in owners and status.is_caught_up:
            return
        await asyncio.sleep(0.05)


async def _progress(database: Database, *, above: int) -> tuple[int, float]:
    """Wait for a number of history; return the one reached, and when."""
    while True:
        position = await database[POSITIONS].find_one({"_id": POSITION_ID}, {"seq": 1})
        if position is not None and position["seq"] > above:
            return position["seq"], time.perf_counter()
        await asyncio.sleep(0.005)
