"""`docustore etl sources`, `pause`, `resume` and `release`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.pause import pause_source, release_source, resume_source
from docustore.etl.run_record import run_record
from docustore.etl.schedule import known_source
from docustore.etl.source_status import SourceStatus, source_statuses

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


@command("sources", example="docustore etl sources")
async def sources(invocation: Invocation) -> None:
    """List the configured sources: schedule, freshness, watermark, waits."""
    settings = invocation.settings()
    async with command_database(invocation) as database:
        found = await source_statuses(database, settings.sources, now=now_utc())
    invocation.show([status.model_dump(mode="json") for status in found], table=_table(found))


@command("pause", example='docustore etl pause crm --reason "migration of the CRM"')
@click.argument("source")
@click.option("--reason", help="Shown with the source while it is paused.")
async def pause(invocation: Invocation, *, source: str, reason: str | None) -> None:
    """Let no scheduled run of SOURCE start; a run that is running goes on."""
    settings = invocation.settings()
    known_source(settings.sources, source)
    async with command_database(invocation) as database:
        await pause_source(database, source, reason=reason, actor=actor())
        await _show_one(invocation, database, settings, source)


@command("resume", example="docustore etl resume crm")
@click.argument("source")
async def resume(invocation: Invocation, *, source: str) -> None:
    """Let scheduled runs of SOURCE start again; the missed slots become one run."""
    settings = invocation.settings()
    known_source(settings.sources, source)
    async with command_database(invocation) as database:
        await resume_source(database, source, actor=actor())
        await _show_one(invocation, database, settings, source)


@command("release", example="docustore etl release crm")
@click.argument("source")
async def release(invocation: Invocation, *, source: str) -> None:
    """Start the due run of SOURCE although it waits for others, or SOURCE is paused."""
    settings = invocation.settings()
    known_source(settings.sources, source)
    async with command_database(invocation) as database:
        run = await release_source(database, source, actor=actor())
    invocation.show(run_record(run), table=Text(f"Run {run.id} of {source} starts within a quarter of a minute."))


def age(seconds: float | None) -> str:
    """Describe a length of time in its largest unit: `5 min`."""
    if seconds is None:
        return "never"
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


async def _show_one(invocation: Invocation, database: Database, settings: Settings, name: str) -> None:
    found = await source_statuses(database, {name: settings.sources[name]}, now=now_utc())
    invocation.show(found[0].model_dump(mode="json"), table=_table(found))


def _table(found: Sequence[SourceStatus]) -> RenderableType:
    if not found:
        return Text(
            "No source is configured. `docustore etl init FILE_OR_URL --write` adds one to docustore.toml."
        )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in ("source", "kind", "schedule", "next", "success", "watermark", "quar."):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.name,
            each.kind,
            each.schedule,
            _moment(each.next_slot),
            age(each.freshness_s),
            _moment(each.watermark),
            f"{each.open_quarantine:,}",
        )
    return Group(table, *(note for each in found for note in _notes(each)))


def _notes(source: SourceStatus) -> list[Text]:
    notes = []
    if source.pause is not None:
        why = f": {source.pause.reason}" if source.pause.reason else ""
        notes.append(f"{source.name} is paused by {source.pause.by or 'an older version'}{why}")
    if source.waiting_run is not None:
        notes.append(f"{source.name} waits for a success of {', '.join(source.waits_for)}")
    if source.is_overdue:
        notes.append(f"{source.name} is overdue: its last success is {age(source.freshness_s)} old")
    if source.running_run is not None:
        notes.append(f"{source.name} is being read by run {source.running_run}")
    if source.last_error and source.last_state == "failed":
        notes.append(f"{source.name} failed last: {source.last_error}")
    return [Text(note, style="yellow") for note in notes]


def _moment(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%m-%d %H:%M}"
