"""Export history to a folder of Parquet files, only what the last run has not.

History is immutable and numbered, so a run continues after the last number of the manifest and never rewrites a
file. Files are partitioned by the day (UTC) on which the store recorded the changes.
"""

import fcntl
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from docustore.changes.horizon import read_horizon
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.errors import ConfigurationError, WarehouseError
from docustore.etl.late_store import LATE_VERSIONS
from docustore.extras import extra_module
from docustore.history.models import HISTORY
from docustore.history.stored_rows import history_rows, states_of_rows
from docustore.users.fields import UserField
from docustore.warehouse.check import require_files
from docustore.warehouse.duckdb_views import write_views
from docustore.warehouse.late_numbers import number_late_versions
from docustore.warehouse.manifest import Manifest, WarehouseFile, WarehouseTable, read_manifest, write_manifest
from docustore.warehouse.tables import COMPACTED, late_pipeline, row_stages, rows_pipeline, tables

PARQUET_FILES: Final = "docustore.warehouse.parquet_files"
BATCH_ROWS: Final = 1000
# The first word of the names of files with late versions.
LATE: Final = "late"
LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseRun:
    """What a run added."""

    manifest: Manifest
    rows: int
    files: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Changes and late versions up to these numbers, and their writers."""

    seq: int
    late: int
    change_writers: tuple[Any, ...]
    late_writer: Any

    @property
    def writers(self) -> tuple[Any, ...]:
        return *self.change_writers, self.late_writer


async def export_warehouse(
    database: Database,
    folder: Path,
    *,
    tracked: tuple[UserField, ...],
    on_begin: Callable[[int], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> WarehouseRun:
    """Add the changes and the late versions since the last run to a folder.

    A run that is killed leaves the manifest as it was; the next run repeats it.

    Args:
        on_begin: Gets the number of changes and late versions to write.
        on_progress: Gets the number of those written so far.

    Raises:
        WarehouseError: The folder belongs to another store or to other attributes, lacks a file of its manifest,
            another run uses it, or history no longer has the changes after the last run.
        ConfigurationError: docustore[parquet] is not installed, or the folder cannot be written.
    """
    files: Any = extra_module(PARQUET_FILES, extra="parquet", setting="export warehouse")
    with _locked(folder):
        names = tuple(field.name for field in tracked)
        manifest = read_manifest(folder) or Manifest(tracked=names)
        if manifest.tracked != names:
            raise WarehouseError(
                f"{folder} has the attributes {', '.join(manifest.tracked)}, DOCUSTORE_WAREHOUSE_TRACKED names "
                "others: export to an empty folder"
            )
        require_files(folder, manifest)
        await _require_same_store(database, folder, manifest)
        parts = tables(tracked)
        for table in parts:
            listed = manifest.tables.get(table.name, WarehouseTable()).files
            files.remove_unlisted(folder, table.name, frozenset(file.path for file in listed))
        plan = _Plan(
            seq=(await read_horizon(database)).seq,
            late=await number_late_versions(database),
            change_writers=tuple(files.TableWriter(folder, table) for table in parts),
            late_writer=files.TableWriter(folder, parts[0], content=LATE),
        )
        on_begin(max(0, plan.seq - manifest.last_seq) + max(0, plan.late - manifest.last_late))
        return await _add(database, folder, manifest, plan, tracked, on_progress=on_progress)


async def _add(
    database: Database,
    folder: Path,
    manifest: Manifest,
    plan: _Plan,
    tracked: tuple[UserField, ...],
    *,
    on_progress: Callable[[int], None],
) -> WarehouseRun:
    as_of: datetime = now_utc()
    rows, last, late = 0, None, None
    try:
        async with aclosing(_batches(database, tracked, after=manifest.last_seq, until=plan.seq)) as batches:
            async for batch in batches:
                for last in batch:
                    for writer in plan.change_writers:
                        writer.add(last)
                rows += len(batch)
                on_progress(rows)
        pipeline = late_pipeline(tracked, after=manifest.last_late, until=plan.late)
        async for late in await database[LATE_VERSIONS].aggregate(pipeline, batchSize=BATCH_ROWS):
            plan.late_writer.add(late)
            rows += 1
        on_progress(rows)
        added: dict[str, tuple[WarehouseFile, ...]] = {}
        for writer in plan.writers:
            added[writer.name] = (*added.get(writer.name, ()), *writer.finish())
    except BaseException:
        for writer in plan.writers:
            writer.abort()
        raise
    grown = Manifest(
        tracked=manifest.tracked,
        # A number may be stored as 64 bits, which the driver reads as a type of its own.
        last_seq=manifest.last_seq if last is None else int(last["_id"]),
        last_late=manifest.last_late if late is None else int(late["_id"]),
        last_event_id=manifest.last_event_id if last is None else last["event_id"],
        as_of=as_of,
        tables={name: manifest.tables.get(name, WarehouseTable()).plus(new) for name, new in added.items()},
    )
    write_views(folder, tracked)
    write_manifest(folder, grown)
    new_files = [file for new in added.values() for file in new]
    return WarehouseRun(
        manifest=grown, rows=rows, files=len(new_files), days=len({file.day for file in new_files})
    )


async def _batches(
    database: Database, tracked: tuple[UserField, ...], *, after: int, until: int
) -> AsyncGenerator[list[Document], None]:
    pipeline = rows_pipeline(tracked, after=after, until=until)
    async with await database[HISTORY].aggregate(pipeline, batchSize=BATCH_ROWS) as cursor:
        while batch := await cursor.to_list(BATCH_ROWS):
            compacted = [row["_id"] for row in batch if row[COMPACTED]]
            found = await _restored(database, tracked, compacted, seq=until) if compacted else {}
            yield [found.get(row["_id"], row) for row in batch]


async def _restored(
    database: Database, tracked: tuple[UserField, ...], numbers: list[int], *, seq: int
) -> dict[int, Document]:
    """Make the rows of compacted changes, each from its state of then."""
    restored = []
    async for row in history_rows(database).find({"_id": {"$in": numbers}}):
        [state] = await states_of_rows(database, [row], seq=seq)
        restored.append({**{name: value for name, value in row.items() if name != "undo"}, "after": state})
    stages = [{"$documents": {"$literal": restored}}, *row_stages(tracked)]
    return {row["_id"]: row async for row in await database.aggregate(stages)}


async def _require_same_store(database: Database, folder: Path, manifest: Manifest) -> None:
    if manifest.last_seq == 0:
        return
    last = await database[HISTORY].find_one({"_id": manifest.last_seq}, {"event_id": 1})
    if last is not None and last.get("event_id") == manifest.last_event_id:
        return
    first = await database[HISTORY].find_one({"_id": {"$gt": manifest.last_seq}}, {"_id": 1}, sort=[("_id", 1)])
    reason = (
        "is of another store"
        if last is not None or first is None
        else f"ends at change {manifest.last_seq}, and history now begins at {first['_id']}"
    )
    raise WarehouseError(f"{folder} {reason}: export to an empty folder")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        problem = f"cannot write to {folder}: {exc.strerror or exc}"
        raise ConfigurationError(setting="--output", problem=problem) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise WarehouseError(f"another export writes to {folder}: wait for it") from exc
        yield
    finally:
        os.close(descriptor)
