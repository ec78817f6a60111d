"""`docustore export warehouse`: write history as Parquet files."""

from pathlib import Path
from typing import Any

import click
import msgspec

from docustore.audit.log import record
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.progress import progress_bar
from docustore.cli.store import command_database
from docustore.cli.tables import facts_table
from docustore.warehouse.check import verify_files
from docustore.warehouse.export import WarehouseRun, export_warehouse
from docustore.warehouse.manifest import MANIFEST
from docustore.warehouse.tracked import tracked_fields


@command("warehouse", example="docustore export warehouse -o warehouse")
@click.option("--format", "format_", type=click.Choice(["parquet"]), default="parquet", show_default=True)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A second run adds only the changes since the first.",
)
@click.option(
    "--verify", "is_check", is_flag=True, help="Only compare the files with the checksums of the manifest."
)
async def warehouse(invocation: Invocation, *, format_: str, folder: Path, is_check: bool) -> None:
    """Write the changes of users as files by day, with a manifest."""
    if is_check:
        _verify(invocation, folder)
        return
    tracked = tracked_fields(invocation.settings().warehouse_tracked)
    async with command_database(invocation) as database:
        await record(
            database, actor=actor(), action="warehouse.export", target=folder.name, after={"format": format_}
        )
        with progress_bar("exporting", total=None, is_shown=not invocation.as_json) as update:
            done = await export_warehouse(
                database,
                folder,
                tracked=tracked,
                on_begin=lambda total: update(total=total),
                on_progress=lambda rows: update(completed=rows),
            )
    _show(invocation, done, folder)


def _verify(invocation: Invocation, folder: Path) -> None:
    with progress_bar("reading files", total=None, is_shown=not invocation.as_json) as update:
        manifest = verify_files(folder, on_progress=lambda files: update(completed=files))
    facts = {
        "manifest": str(folder / MANIFEST),
        "files": sum(len(table.files) for table in manifest.tables.values()),
        "last_seq": manifest.last_seq,
        "verified": True,
    }
    invocation.show(facts, table=facts_table({name: str(value) for name, value in facts.items()}))


def _show(invocation: Invocation, done: WarehouseRun, folder: Path) -> None:
    document: dict[str, Any] = {
        "manifest": str(folder / MANIFEST),
        "rows": done.rows,
        "files": done.files,
        "days": done.days,
        "last_seq": done.manifest.last_seq,
        "as_of": done.manifest.as_of,
        "tables": {name: table.rows for name, table in done.manifest.tables.items()},
    }
    table = facts_table({name: str(document[name]) for name in ("manifest", "rows", "files", "days", "last_seq")})
    invocation.show(msgspec.to_builtins(document), table=table)
