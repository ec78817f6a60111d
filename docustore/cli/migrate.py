"""`docustore migrate`: move stored users to the shape of this version, and back."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from docustore.cli.actor import account
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, DRIFT
from docustore.cli.migrate_tables import preview_table, records_table, status_document, status_table
from docustore.cli.output import notices
from docustore.config import Settings
from docustore.database import Database, connect
from docustore.migrations import runner
from docustore.migrations.health import Limits
from docustore.migrations.ledger import Record, read_records
from docustore.migrations.migrate import migrate_down, migrate_up, own_catalog, preview, record_baseline
from docustore.migrations.migration import Direction
from docustore.migrations.plan import check
from docustore.migrations.runner import RunOptions

APP_NAME: Final = "docustore-migrate"
Report = Callable[[runner.Progress], None]

_dry_run_option = click.option("--dry-run", is_flag=True, help="Count what would change; change nothing.")
_max_per_s_option = click.option(
    "--max-per-s", type=click.FloatRange(min=0, min_open=True), help="Most users per second; default: no limit."
)
_to = click.IntRange(min=0)


@click.group("migrate", epilog="Example: docustore migrate status")
def migrate() -> None:
    """Move stored users to the shape of this version, and back."""


@command("status", example="docustore migrate status --json")
async def status(invocation: Invocation) -> int:
    """Show every migration: exit 0 up to date, 2 pending or conflicts, 1 failed."""
    async with invocation.servers() as located, connect(located, app_name=APP_NAME) as database:
        records = await read_records(database)
    catalog = own_catalog()
    document = status_document(catalog, records)
    invocation.show(document, table=status_table(catalog, records))
    check(catalog, records)
    return DONE if document["up_to_date"] else DRIFT


@command("up", example="docustore migrate up --max-per-s 2000")
@click.option("--to", type=_to, help="Last migration to apply; default: all.")
@_dry_run_option
@_max_per_s_option
async def up(invocation: Invocation, *, to: int | None, dry_run: bool, max_per_s: float | None) -> int:
    """Apply the pending migrations. Safe to interrupt and to run twice."""
    async with invocation.servers() as located, connect(located, app_name=APP_NAME) as database:
        if dry_run:
            return await _show_preview(invocation, database, Direction.UP, to=to)
        with _progress(is_shown=not invocation.as_json) as report:
            options = run_options(located, max_per_s=max_per_s, report=report)
            done = await migrate_up(database, options, to=to)
    return _show_records(invocation, done)


@command("down", example="docustore migrate down --to 2 --dry-run")
@click.option("--to", type=_to, required=True, help="Last migration that stays applied; 0 = none.")
@_dry_run_option
@_max_per_s_option
async def down(invocation: Invocation, *, to: int, dry_run: bool, max_per_s: float | None) -> int:
    """Revert the migrations after a number, newest first."""
    async with invocation.servers() as located, connect(located, app_name=APP_NAME) as database:
        if dry_run:
            return await _show_preview(invocation, database, Direction.DOWN, to=to)
        with _progress(is_shown=not invocation.as_json) as report:
            options = run_options(located, max_per_s=max_per_s, report=report)
            done = await migrate_down(database, options, to=to)
    return _show_records(invocation, done)


@command("baseline", example="docustore migrate baseline --to 2")
@click.option("--to", type=_to, help="Last migration to record; default: all.")
async def baseline(invocation: Invocation, *, to: int | None) -> int:
    """Record migrations as applied without running them."""
    async with invocation.servers() as located, connect(located, app_name=APP_NAME) as database:
        done = await record_baseline(database, by=who(), to=to)
    return _show_records(invocation, done)


for _command in (status, up, down, baseline):
    migrate.add_command(_command)


async def migrated(settings: Settings) -> list[Record]:
    """Apply the pending migrations; a bar shows the progress on a terminal."""
    with _progress(is_shown=True) as report:
        async with connect(settings, app_name=APP_NAME) as database:
            return await migrate_up(database, run_options(settings, report=report))


def run_options(
    settings: Settings, *, max_per_s: float | None = None, report: Report = runner.no_report
) -> RunOptions:
    """Return the options of a run on the configured database."""
    limits = Limits(max_lag_s=settings.migrate_max_lag_s, min_free_mb=settings.migrate_min_free_mb)
    return RunOptions(by=who(), limits=limits, max_per_s=max_per_s, report=report)


def who() -> str:
    """Name the account and the machine that migrate."""
    return f"{account()}@{socket.gethostname()}"


async def _show_preview(
    invocation: Invocation, database: Database, direction: Direction, *, to: int | None
) -> int:
    found = await preview(database, direction, to=to)
    document = [
        {
            "number": one.migration.number,
            "name": one.migration.name,
            "direction": one.direction.value,
            "would_change": one.counts.changed,
            "conflicts": one.counts.conflicts,
        }
        for one in found
    ]
    invocation.show({"dry_run": True, "migrations": document}, table=preview_table(found))
    return DONE


def _show_records(invocation: Invocation, done: Sequence[Record]) -> int:
    invocation.show({"migrations": list(done)}, table=records_table(done))
    return DONE


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = notices()
    with Progress(
        *columns, console=console, transient=True, disable=not (is_shown and console.is_terminal)
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def report(progress: runner.Progress) -> None:
            name = f"{progress.direction.value} {progress.migration.label} {progress.migration.name}"
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=progress.read, total=max(progress.total, progress.read))

        yield report
