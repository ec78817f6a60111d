"""`docustore changes`: watch and steer the change listener while it runs."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.changes import control
from docustore.changes.control import ResetTo
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.letters_view import DeadLetterView, find_letter, list_letters
from docustore.changes.partition_status import PartitionStatus
from docustore.changes.status import ChangeStatus, change_status
from docustore.changes.verify import Verification, verify_and_repair
from docustore.cli.actor import actor
from docustore.cli.changes_effects import effects, rebuild
from docustore.cli.changes_follow import follow
from docustore.cli.changes_gaps import gaps
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.tables import facts_table, list_table
from docustore.cli.utc_time import UtcTime
from docustore.database import Database


@click.group("changes", epilog="Example: docustore changes status")
def changes() -> None:
    """Watch and steer the change listener: no command needs a restart."""


@command("status", example="docustore changes status --json")
async def status(invocation: Invocation) -> None:
    """Show how far the listener is, and what an operator should know."""
    async with command_database(invocation) as database:
        await _show_status(invocation, database)


partition_option = click.option(
    "--partition", type=click.IntRange(min=0), help="Only this partition, from 0 (see `changes status`)."
)


@command("pause", example="docustore changes pause")
@partition_option
async def pause(invocation: Invocation, *, partition: int | None) -> None:
    """Let the listener rest.

    The oplog must reach back to its position until `resume`.
    """
    async with command_database(invocation) as database:
        await control.pause(database, actor=actor(), partition=partition)
        await _show_status(invocation, database)


@command("resume", example="docustore changes resume")
@partition_option
async def resume(invocation: Invocation, *, partition: int | None) -> None:
    """Let the listener continue where it paused."""
    async with command_database(invocation) as database:
        await control.resume(database, actor=actor(), partition=partition)
        await _show_status(invocation, database)


@command("seek", example="docustore changes seek --to 2026-01-31T12:00:00Z")
@click.option("--to", required=True, type=UtcTime(), help="Skip the changes up to this time (RFC 3339).")
async def seek(invocation: Invocation, *, to: datetime) -> None:
    """Skip the changes up to a time; the gap is recorded and the marts are rebuilt."""
    async with command_database(invocation) as database:
        await control.seek(database, to, actor=actor())
        await _show_status(invocation, database)


@command("reset", example="docustore changes reset --to snapshot")
@click.option(
    "--to",
    required=True,
    type=click.Choice([to.value for to in ResetTo]),
    help="snapshot: compare every user with history first. now: leave history as it is.",
)
async def reset(invocation: Invocation, *, to: str) -> None:
    """Leave the position and start anew, with a gap on record.

    It is the way out of every stop.
    """
    async with command_database(invocation) as database:
        await control.reset(database, ResetTo(to), actor=actor())
        await _show_status(invocation, database)


@command("verify", example="docustore changes verify --repair")
@click.option("--repair", is_flag=True, help="Start a snapshot or a rebuild if there is a difference.")
async def verify_(invocation: Invocation, *, repair: bool) -> int:
    """Compare all effects with every user: exit 0 equal, 1 different."""
    settings = invocation.settings()
    async with command_database(invocation) as database:
        found, is_repaired = await verify_and_repair(
            database, EFFECTS, DERIVED, settings, repair=repair, actor=actor()
        )
    document = {
        "differences": found.differences,
        "users": found.users,
        "is_complete": found.is_complete,
        "repaired": is_repaired,
    }
    invocation.show(document, table=_verification(found, is_repaired=is_repaired))
    return DONE if found.is_complete and not found.differences else FAILED


@command("dead-letters", example="docustore changes dead-letters --replay ID")
@click.option("--show", metavar="ID", help="Show one dead letter.")
@click.option("--replay", metavar="ID", help="Apply a failed change again, then the held ones after it.")
@click.option("--skip", metavar="ID", help="Give a change up: history will not have it.")
@click.option("--all", "include_closed", is_flag=True, help="Also list closed ones.")
async def dead_letters(
    invocation: Invocation, *, show: str | None, replay: str | None, skip: str | None, include_closed: bool
) -> None:
    """List, show, replay or skip changes that could not be applied."""
    if sum(option is not None for option in (show, replay, skip)) > 1:
        raise click.UsageError("use one of --show, --replay and --skip")
    async with command_database(invocation) as database:
        if replay is not None:
            await control.replay_letter(database, replay, actor=actor())
        if skip is not None:
            await control.skip_letter(database, skip, actor=actor())
        chosen = show or replay or skip
        shown: Awaitable[Any] = (
            list_letters(database, include_closed=include_closed)
            if chosen is None
            else find_letter(database, chosen)
        )
        found = await shown
    letters = found if isinstance(found, list) else [found]
    documents = [_document(letter) for letter in letters]
    invocation.show(documents if isinstance(found, list) else documents[0], table=_letters_table(letters))


for part in (status, follow, pause, resume, seek, reset, verify_, dead_letters, gaps, effects, rebuild):
    changes.add_command(part)


async def _show_status(invocation: Invocation, database: Database) -> None:
    found = await change_status(database)
    invocation.show(found, table=_status_table(found))


def _status_table(found: ChangeStatus) -> RenderableType:
    lag = "unknown" if found.lag_s is None else "none" if found.is_caught_up else f"{found.lag_s:.1f} s"
    facts = {
        "state": found.state.value,
        "listener": found.owner or "none holds the lease",
        "changes applied": f"{found.applied:,}",
        "rows of snapshots": f"{found.snapshot_rows:,}",
        "lag": lag,
        "gaps on record": f"{found.gaps}, {found.unaccepted_gaps} not accepted" if found.gaps else "0",
        "open dead letters": str(found.dead_letters),
        "approximate rows": str(found.approximate_rows),
    }
    notes = [Text(f"Warning: {sentence}", style="yellow") for sentence in found.warnings]
    if found.last_error is not None:
        notes.append(Text(f"Last error: {found.last_error.message}", style="red"))
    parts = [_partitions_table(found.partitions)] if len(found.partitions) > 1 else []
    return Group(facts_table(facts), *parts, *notes)


def _partitions_table(parts: list[PartitionStatus]) -> RenderableType:
    table = list_table("partition", "state", "lag", "listener")
    for part in parts:
        lag = "unknown" if part.lag_s is None else f"{part.lag_s:.1f} s"
        table.add_row(str(part.partition), part.state.value, lag, part.owner or "none holds the lease")
    return table


def _verification(found: Verification, *, is_repaired: bool) -> RenderableType:
    if not found.is_complete:
        return Text("Not compared: the listener has a backlog, is in a snapshot, or has never run.")
    lines = [Text(f"Difference: {sentence}", style="red") for sentence in found.differences]
    if is_repaired:
        lines.append(Text(_repair(found)))
    return Group(*lines, Text(f"{found.users:,} users compared, {len(found.differences)} differences."))


def _repair(found: Verification) -> str:
    parts = [f"The rebuild of {name} was started." for name in found.derived]
    if len(found.differences) > len(found.derived):
        parts.insert(0, "A snapshot was started; it records what differs and rebuilds the marts.")
    return " ".join(parts)


def _letters_table(letters: list[DeadLetterView]) -> RenderableType:
    if not letters:
        return Text("No dead letters.")
    table = list_table("id", "user", "change", "state", "reason")
    for letter in letters:
        table.add_row(letter.id, letter.user_id, letter.operation, letter.state.value, letter.reason or "")
    return table


def _document(letter: DeadLetterView) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in letter.__struct_fields__}
