"""Benchmark of exports and of the import: rows per second, and memory.

Floor of an export: reading the same fields of the same users as raw bytes. Floor of the import: inserting prepared
documents in batches of the same size.
"""

import os
import resource
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from benchmarks.population import CHUNK, populate, stored_user
from benchmarks.reading import DEFAULT_USERS, USERS_VARIABLE
from benchmarks.row import BenchRow
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.exports.export import begin_export
from docustore.exports.formats import FileForm
from docustore.exports.importing import Import, import_users, rules_of
from docustore.exports.order import ExportOrder
from docustore.exports.rows import RowFile
from docustore.users.stored import FOR_RESPONSE
from docustore.warehouse.export import export_warehouse
from docustore.warehouse.tracked import tracked_fields
from indexes.apply import apply_indexes
from indexes.warehouse import DEFAULT_TRACKED

ACTOR: Final = "cli:bench"
FILES: Final = ("users.ndjson", "users.ndjson.gz", "users.csv", "users.parquet")
KIB_PER_MB: Final = 1000
MONTH_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
MONTH: Final = timedelta(days=30)
_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)


async def run(settings: Settings) -> list[BenchRow]:
    """Measure in a separate database and drop it; about a minute with 100,000 users."""
    users = int(os.environ.get(USERS_VARIABLE, DEFAULT_USERS))
    own = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
    async with open_database(own, app_name="docustore-bench") as database:
        await apply_indexes(database)
        try:
            with TemporaryDirectory() as folder:
                return await _measure(database, Path(folder), users=users)
        finally:
            await database.client.drop_database(database.name)


async def _measure(database: Database, folder: Path, *, users: int) -> list[BenchRow]:
    await populate(database, users=users)
    floor = await _rate(users, lambda: _drain(database))
    before_mb = _peak_mb()
    rows = []
    for name in FILES:
        path = folder / name
        rate = await _rate(users, partial(_export, database, path))
        rows.append(_row(f"export of {users:,} users, {name.removeprefix('users.')}", rate, floor))
    rows.append(BenchRow(name="exports: rise of the peak memory", value=_peak_mb() - before_mb, unit="MB"))
    await _write_history(database, users=users)
    rate = await _rate(users, lambda: _warehouse(database, folder / "warehouse"))
    rows.append(_row(f"warehouse, {users:,} changes, Parquet", rate, floor))
    await database["users"].delete_many({})
    insert_floor = await _rate(users, lambda: _insert(database, users=users))
    await database["users"].delete_many({})
    before_mb = _peak_mb()
    for name in ("import of {:,} users, NDJSON", "the same again: nothing changes"):
        rate = await _rate(users, lambda: _import(database, folder / FILES[0]))
        rows.append(_row(name.format(users), rate, insert_floor))
    rows.append(BenchRow(name="import: rise of the peak memory", value=_peak_mb() - before_mb, unit="MB"))
    return rows


async def _drain(database: Database) -> None:
    raw = database["users"].with_options(codec_options=_RAW)
    async for _ in raw.find({"deleted_at": None}, FOR_RESPONSE, sort=[("_id", 1)], batch_size=CHUNK):
        pass


async def _export(database: Database, path: Path) -> None:
    form = FileForm.of_name(path.name) or FileForm()
    export = await begin_export(database, ExportOrder(form=form), actor=ACTOR)
    with path.open("wb") as stream:
        async for chunk in export.chunks():
            stream.write(chunk)


async def _import(database: Database, path: Path) -> None:
    order = Import(database=database, file=RowFile(path), rules=rules_of(ACTOR, is_overwriting=False))
    report = await import_users(order, target=path.name)
    assert report.rejected == 0


async def _insert(database: Database, *, users: int) -> None:
    for start in range(0, users, CHUNK):
        documents = [stored_user(number, of=users) for number in range(start, min(users, start + CHUNK))]
        await database["users"].insert_many(documents, ordered=False)


async def _write_history(database: Database, *, users: int) -> None:
    """Write one row per user, with its whole image, over a month, oldest first."""
    rows, number = [], 0
    async for user in database["users"].find():
        number += 1
        rows.append(
            {
                "_id": number,
                "event_id": f"bench-{number}",
                "operation": "insert",
                "user_id": user["_id"],
                "changes": {},
                "after": user,
                "valid_from": MONTH_BEGIN + MONTH * (number / users),
                "source": "etl:crm",
            }
        )
        if len(rows) == CHUNK or number == users:
            await database["user_history"].insert_many(rows)
            rows = []
    await database["change_positions"].insert_one({"_id": "users", "seq": number})


async def _warehouse(database: Database, folder: Path) -> None:
    await export_warehouse(database, folder, tracked=tracked_fields(DEFAULT_TRACKED))


async def _rate(users: int, work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return users / (time.perf_counter() - started)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MB


def _row(name: str, rate: float, floor: float) -> BenchRow:
    return BenchRow(name=name, value=rate, unit="rows/s", floor=floor, ratio_to_floor=rate / floor)
