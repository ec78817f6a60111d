"""`docustore etl diff`: what a dry run would change."""

from collections.abc import Sequence
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE
from docustore.cli.store import command_database
from docustore.etl.guards.diff import FieldChange, RunDiff, UserChange
from docustore.etl.guards.diffs import find_diff
from docustore.etl.models import EtlRun
from docustore.etl.run_record import run_record

SHOWN_USERS: Final = 10


@command("diff", example="docustore etl diff 6b0363a2c8e7e03b5a434154")
@click.argument("run_id", metavar="RUN")
async def diff(invocation: Invocation, *, run_id: str) -> int:
    """Show what a dry run would change, field by field."""
    async with command_database(invocation) as database:
        found = await find_diff(database, run_id)
    invocation.show(found, table=diff_table(found))
    return DONE


def show_run(invocation: Invocation, run: EtlRun, found: RunDiff | None, *, table: RenderableType) -> None:
    """Print a run, and what it would change if it was a dry run."""
    document = run_record(run) | ({"diff": found} if found is not None else {})
    invocation.show(document, table=Group(table, *([diff_table(found)] if found is not None else [])))


def diff_table(found: RunDiff) -> RenderableType:
    """Lay out a difference: counts by field, then some users of each outcome."""
    counts = Table("outcome", "field", "changes", title="What would change", title_justify="left")
    for outcome, users in found.users.items():
        counts.add_row(outcome, Text("users", style="italic"), f"{users:,}")
        for field, changes in found.fields.get(outcome, {}).items():
            counts.add_row("", field, f"{changes:,}")
    parts: list[RenderableType] = [counts]
    for outcome in found.users:
        samples = [sample for sample in found.samples if sample.outcome == outcome]
        parts.append(_samples(f"{outcome}, the first {min(len(samples), SHOWN_USERS)}", samples[:SHOWN_USERS]))
    return Group(*parts)


def _samples(title: str, samples: Sequence[UserChange]) -> Table:
    table = Table("user", "field", "before", "after", title=title, title_justify="left")
    for sample in samples:
        rows: list[FieldChange | None] = [*sample.fields] or [None]
        for position, change in enumerate(rows):
            user = sample.email if position == 0 else ""
            if change is None:
                table.add_row(user, "", "", "")
            else:
                table.add_row(user, change.field, _text(change.before), _text(change.after))
    return table


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
