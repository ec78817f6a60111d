"""Shows the progress of index builds on the server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from docustore.database import Database

_POLL_S: Final = 0.5
_PHASE_PREFIX: Final = "Index Build: "


@asynccontextmanager
async def build_progress_shown(database: Database, console: Console) -> AsyncIterator[None]:
    """Draw a bar for each collection with index builds, on a terminal only."""
    if not console.is_terminal:
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        watch = asyncio.create_task(_watch(database, progress))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def _watch(database: Database, progress: Progress) -> None:
    bars: dict[str, TaskID] = {}
    # $currentOp refuses every read concern but local.
    admin = database.client.get_database("admin", read_concern=ReadConcern("local"))
    while True:
        try:
            cursor = await admin.aggregate(builds_pipeline(database.name))
            builds = [build async for build in cursor]
        except PyMongoError:
            return  # without the privilege `inprog` the builds run without a bar
        for build in builds:
            if build["ns"] not in bars:
                bars[build["ns"]] = progress.add_task(build["ns"])
            progress.update(bars[build["ns"]], **bar_of(build))
        await asyncio.sleep(_POLL_S)


def builds_pipeline(database_name: str) -> list[dict[str, Any]]:
    """List the index builds of one database, one document per collection.

    Shape: `{ns, msg, progress?: {done, total}}`.
    """
    return [
        {"$currentOp": {"allUsers": True, "idleConnections": False}},
        {
            "$match": {
                "command.$db": database_name,
                "command.createIndexes": {"$exists": True},
                "msg": {"$exists": True},
            }
        },
        {"$project": {"ns": 1, "msg": 1, "progress": 1}},
    ]


def bar_of(build: Mapping[str, Any]) -> dict[str, Any]:
    """Turn one build into a bar; each phase restarts it."""
    phase = build["msg"].removeprefix(_PHASE_PREFIX).split(f" {_PHASE_PREFIX}")[0]
    bar: dict[str, Any] = {"description": f"{build['ns']}: {phase}"}
    if build.get("progress"):
        bar |= {"completed": build["progress"]["done"], "total": build["progress"]["total"]}
    return bar
