"""`docustore quarantine`: show, replay, ignore and export records."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import BinaryIO, Final

import click
from rich.console import Group
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import CommandBody, Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.quarantine_tables import entries_table, entry_table, report_table
from docustore.cli.store import command_database
from docustore.cli.tables import next_page_line
from docustore.clock import now_utc
from docustore.etl.models import QuarantineState
from docustore.etl.quarantine_actions import ignore_entries, reopen_entries
from docustore.etl.quarantine_export import export_entries
from docustore.etl.quarantine_record import QuarantinePage, shown_record, shown_summary
from docustore.etl.queries import QuarantineQuery, find_quarantined, list_quarantined
from docustore.etl.replay import Replayer, replay
from docustore.etl.selection import OPEN, Selection

ANY: Final = "any"
STATES: Final = [*(state.value for state in QuarantineState), ANY]
ALL_STATES: Final = tuple(QuarantineState)


def _filters(body: CommandBody) -> CommandBody:
    """Add the options that select records by a filter."""
    options: tuple[Callable[[CommandBody], CommandBody], ...] = (
        click.option("--run", "run_id", metavar="RUN", help="Records that this run read last."),
        click.option("--code", help="Records with this reason, such as email_malformed."),
        click.option("--source", help="Records of this source."),
    )
    return reduce(lambda decorated, option: option(decorated), options, body)


def _selecting(body: CommandBody) -> CommandBody:
    """Add the ids, the filters and `--all`."""
    everything = click.option("--all", "select_all", is_flag=True, help="All records; needed without any filter.")
    return click.argument("ids", metavar="[RECORD]...", nargs=-1)(_filters(everything(body)))


@click.group("quarantine", epilog="Example: docustore quarantine replay --source crm")
def quarantine() -> None:
    """Show, replay, ignore and export records that could not be loaded."""


@command("list", example="docustore quarantine list --source crm --code email_malformed")
@_filters
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", help="The `next_cursor` of the previous page, with the same filters.")
async def list_(  # one parameter per option
    invocation: Invocation,
    *,
    source: str | None,
    code: str | None,
    run_id: str | None,
    state: str,
    limit: int,
    cursor: str | None,
) -> None:
    """List records, last seen first."""
    query = QuarantineQuery(
        source=source, state=_state(state), code=code, run_id=run_id, limit=limit, cursor=cursor
    )
    async with command_database(invocation):
        found, next_cursor = await list_quarantined(query)
    page = QuarantinePage(items=[shown_summary(entry) for entry in found], next_cursor=next_cursor)
    table = entries_table(found)
    shown = Group(table, next_page_line(next_cursor)) if next_cursor else table
    invocation.show(page.model_dump(mode="json"), table=shown)


@command("show", example="docustore quarantine show 6b0363a2c8e7e03b5a434154")
@click.argument("record_id", metavar="RECORD")
async def show(invocation: Invocation, *, record_id: str) -> None:
    """Show one record with its reasons and its text; secrets are masked."""
    async with command_database(invocation):
        entry = shown_record(await find_quarantined(record_id), with_raw=True)
    invocation.show(entry.model_dump(mode="json"), table=entry_table(entry))


@command("replay", example="docustore quarantine replay --source crm --code email_malformed")
@_selecting
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--limit", type=click.IntRange(1), help="At most this many records, the oldest first.")
@click.option(
    "--required",
    multiple=True,
    help="Field that a record must have; repeatable. [Records of a source that is not configured]",
)
async def replay_(  # noqa: PLR0913  # one parameter per option
    invocation: Invocation,
    *,
    ids: tuple[str, ...],
    source: str | None,
    code: str | None,
    run_id: str | None,
    select_all: bool,
    dry_run: bool,
    limit: int | None,
    required: tuple[str, ...],
) -> int:
    """Load records again: exit 0 if all loaded, 1 otherwise.

    The present code and settings decide. A record that loads closes its entry. RECORD may also be ignored or
    resolved; filters select open records.
    """
    selection = _selection(ids, source=source, code=code, run_id=run_id, select_all=select_all)
    async with command_database(invocation) as database:
        replayer = Replayer(
            database=database,
            settings=invocation.settings(),
            actor=actor(),
            required=required or None,
            is_dry_run=dry_run,
        )
        report = await replay(replayer, selection, limit=limit)
    invocation.show(report.model_dump(mode="json"), table=report_table(report))
    return FAILED if report.rejected or report.impossible else DONE


@command("ignore", example='docustore quarantine ignore --code email_malformed --reason "test accounts"')
@_selecting
@click.option("--reason", required=True, help="Why, for the next person.")
async def ignore(  # one parameter per option
    invocation: Invocation,
    *,
    ids: tuple[str, ...],
    source: str | None,
    code: str | None,
    run_id: str | None,
    select_all: bool,
    reason: str,
) -> None:
    """Ignore open records; they stay ignored when they are read again."""
    chosen = _selection(ids, source=source, code=code, run_id=run_id, select_all=select_all)
    selection = replace(chosen, states=OPEN)
    async with command_database(invocation) as database:
        changed = await ignore_entries(database, selection, reason=reason, actor=actor(), now=now_utc())
    _show_changed(invocation, changed, "ignored")


@command("reopen", example="docustore quarantine reopen 6b0363a2c8e7e03b5a434154")
@_selecting
async def reopen(
    invocation: Invocation,
    *,
    ids: tuple[str, ...],
    source: str | None,
    code: str | None,
    run_id: str | None,
    select_all: bool,
) -> None:
    """Open records again that were ignored or resolved."""
    selection = _selection(ids, source=source, code=code, run_id=run_id, select_all=select_all)
    async with command_database(invocation) as database:
        changed = await reopen_entries(database, selection, actor=actor())
    _show_changed(invocation, changed, "opened again")


@command("export", example="docustore quarantine export --source crm -o quarantine.ndjson")
@_filters
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: stdout.")
async def export(  # one parameter per option
    invocation: Invocation,
    *,
    source: str | None,
    code: str | None,
    run_id: str | None,
    state: str,
    output: Path | None,
) -> None:
    """Write records with their texts as NDJSON, oldest first; secrets are masked."""
    chosen = _state(state)
    selection = Selection(
        source=source, code=code, run_id=run_id, states=ALL_STATES if chosen is None else (chosen,)
    )
    async with command_database(invocation) as database:
        with _opened(output) as stream:
            records = await _written(export_entries(database, selection, actor=actor()), stream)
    if output is not None:
        facts = {"records": records, "file": str(output)}
        invocation.show(facts, table=Text(f"{records:,} records written to {output}"))


for _part in (list_, show, replay_, ignore, reopen, export):
    quarantine.add_command(_part)


def _state(given: str) -> QuarantineState | None:
    return None if given == ANY else QuarantineState(given)


def _selection(
    ids: tuple[str, ...], *, source: str | None, code: str | None, run_id: str | None, select_all: bool
) -> Selection:
    if not (ids or source or code or run_id or select_all):
        raise click.UsageError("name records, give a filter (--source, --code, --run), or pass --all")
    states = ALL_STATES if ids else OPEN
    return Selection(ids=ids, source=source, code=code, run_id=run_id, states=states)


def _show_changed(invocation: Invocation, changed: int, what: str) -> None:
    invocation.show({"changed": changed}, table=Text(f"{changed:,} records {what}"))


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with output.open("wb") as stream:
        yield stream


async def _written(chunks: AsyncIterator[bytes], stream: BinaryIO) -> int:
    records = 0
    async for chunk in chunks:
        stream.write(chunk)
        records += chunk.count(b"\n")
    return records
