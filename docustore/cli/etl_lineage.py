"""`docustore etl lineage`: lineage events that the receiver did not take."""

from collections.abc import Sequence
from typing import Any

import click
from rich.console import RenderableType
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc
from docustore.etl.lineage_event import LineageState
from docustore.etl.lineage_outbox import retry_lineage, skip_lineage, undelivered_runs
from docustore.etl.models import EtlRun


@command("lineage", example="docustore etl lineage --retry")
@click.option("--retry", is_flag=True, help="Try all undelivered events at once.")
@click.option("--skip", metavar="RUN", help="Give the undelivered events of a run up.")
async def lineage(invocation: Invocation, *, retry: bool, skip: str | None) -> None:
    """List runs with undelivered lineage events; retry or skip them."""
    if retry and skip is not None:
        raise click.UsageError("use one of --retry and --skip")
    async with command_database(invocation) as database:
        if retry:
            await retry_lineage(database, now=now_utc(), actor=actor())
        if skip is not None:
            await skip_lineage(database, skip, actor=actor())
        found = await undelivered_runs()
    invocation.show([_document(run) for run in found], table=_table(found))


def _document(run: EtlRun) -> dict[str, Any]:
    shown = run.lineage
    return {
        "run_id": str(run.id),
        "source": run.source,
        "events": _pending(run),
        "attempts": shown.attempts if shown is not None else 0,
        "next_attempt_at": shown.next_attempt_at if shown is not None else None,
        "error": shown.error if shown is not None else None,
    }


def _pending(run: EtlRun) -> list[str]:
    events = run.lineage.events if run.lineage is not None else []
    return [event.type.value for event in events if event.state is LineageState.PENDING]


def _table(runs: Sequence[EtlRun]) -> RenderableType:
    if not runs:
        return Text("Every lineage event was delivered or skipped.")
    table = list_table("run", "source", "events", "attempts", "last refusal")
    for run in runs:
        row = _document(run)
        table.add_row(
            row["run_id"], row["source"], ", ".join(row["events"]), str(row["attempts"]), row["error"] or "-"
        )
    return table
