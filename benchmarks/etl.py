"""Benchmark of the ETL.

Floor: inserting the same documents, prepared in advance, with the same indexes and images. No ETL that writes all
records can be faster. Peer: the usual way, one `replace_one(upsert=True)` per record by its e-mail address.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

from benchmarks.row import BenchRow
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.etl.models import RunOptions, RunState, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from indexes.apply import apply_indexes

RECORDS: Final = 100_000
PEER_RECORDS: Final = 3_000
CHANGED: Final = 0.05
ROUNDS: Final = 3
BATCH: Final = 1_000
FIRST_NAMES: Final = ("Ada", "Grace", "Łukasz", "Дмитрий", "José", "Wei", "Fatima", "Olga")
LAST_NAMES: Final = ("Lovelace", "Hopper", "Nowak", "Иванов", "García", "Zhang", "Al-Sayed", "Berg")


async def run(settings: Settings) -> list[BenchRow]:
    """Measure a run of new records and a second run with 5 % changed.

    Unit: records per second, from NDJSON bytes on disk to documents in the store. Each value is the median of
    three rounds. Each ratio to the floor is computed within one round.
    """
    new: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder:
        first, changed = _write_files(Path(folder))
        for _ in range(ROUNDS):
            async with _database(settings) as database:
                loaded = await _rate(partial(_load, database, settings, first), RECORDS)
                documents = await database["users"].find({}).to_list()
                rerun = await _rate(partial(_load, database, settings, changed), RECORDS)
            async with _database(settings) as database:
                floor = await _rate(
                    partial(_insert_all, database, documents, settings.etl_batches_in_flight), RECORDS
                )
            new.append((loaded, floor))
            again.append((rerun, floor))
        async with _database(settings) as database:
            peer = await _rate(partial(_replace_each, database, documents[:PEER_RECORDS]), PEER_RECORDS)
    return [_row("ETL, new records", new, peer), _row("ETL, re-run with 5 % changed", again, peer)]


def _row(name: str, rounds: list[tuple[float, float]], peer: float) -> BenchRow:
    value = median(rate for rate, _ in rounds)
    ratio = median(rate / floor for rate, floor in rounds)
    return BenchRow(
        name=name,
        value=round(value),
        unit="records/s",
        floor=round(median(floor for _, floor in rounds)),
        ratio_to_floor=round(ratio, 2),
        peer=round(peer),
        ratio_to_peer=round(value / peer, 1),
    )


async def _rate(work: Callable[[], Awaitable[None]], operations: int) -> float:
    started = time.perf_counter()
    await work()
    return operations / (time.perf_counter() - started)


async def _load(database: Database, settings: Settings, path: Path) -> None:
    entered = await create_run("bench", trigger=RunTrigger.CLI, options=RunOptions(), now=datetime.now(UTC))
    source = SourceSettings(kind=SourceKind.FILE, url=str(path))
    finished = await execute_run(
        str(entered.id), source, RunEnvironment(database=database, settings=settings, owner="benchmark")
    )
    if finished.state is not RunState.SUCCEEDED or finished.counts.read != RECORDS:
        raise RuntimeError(f"the measured run ended as {finished.state}: {finished.error}")


async def _insert_all(database: Database, documents: list[dict[str, Any]], in_flight: int) -> None:
    """Insert with the same number of batches in flight as a run."""
    slots = asyncio.Semaphore(in_flight)

    async def insert(start: int) -> None:
        async with slots:
            await database["users"].insert_many(documents[start : start + BATCH], ordered=False)

    await asyncio.gather(*(insert(start) for start in range(0, len(documents), BATCH)))


async def _replace_each(database: Database, documents: list[dict[str, Any]]) -> None:
    for document in documents:
        replacement = {name: value for name, value in document.items() if name != "_id"}
        await database["users"].replace_one({"email": document["email"]}, replacement, upsert=True)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    named = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
    async with open_database(named, app_name="docustore-benchmarks") as database:
        await apply_indexes(database)
        yield database
        await database.client.drop_database(database.name)


def write_records(path: Path, records: int) -> None:
    """Write a file of NDJSON: records of different users."""
    chance = random.Random(1)
    with path.open("w") as lines:
        for number in range(records):
            lines.write(json.dumps(_record(number, chance), ensure_ascii=False) + "\n")


def _write_files(folder: Path) -> tuple[Path, Path]:
    chance = random.Random(1)
    first, changed = folder / "first.ndjson", folder / "changed.ndjson"
    with first.open("w") as first_lines, changed.open("w") as changed_lines:
        for number in range(RECORDS):
            record = _record(number, chance)
            first_lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            if chance.random() < CHANGED:
                record |= {"lastName": "Changed", "modifiedAt": "2026-02-01T00:00:00Z"}
            changed_lines.write(json.dumps(record, ensure_ascii=False) + "\n")
    return first, changed


def _record(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": f"{number:08x}",
        "email": f"user.{number}@example{number % 50}.com",
        "firstName": chance.choice(FIRST_NAMES),
        "lastName": chance.choice(LAST_NAMES),
        "status": chance.choice(("active", "enabled", "INACTIVE", "blocked")),
        "profile": {
            "avatar_url": f"https://cdn.example.com/{number}.png",
            "bio": "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
            "location": chance.choice(("Berlin", "Paris", "東京", "New York")),
            "preferences": {"theme": "dark", "language": "en", "notifications": True},
        },
        "roles": ["member"],
        "tags": [f"team-{number % 20}"],
        "createdAt": f"202{number % 5}-0{1 + number % 9}-1{number % 9}T10:00:00Z",
        "modifiedAt": "2026-01-01T00:00:00Z",
    }
