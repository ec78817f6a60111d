"""`docustore etl backfill`: read a window of a source again."""

from datetime import datetime

import click

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.etl_diff import show_run
from docustore.cli.etl_tables import run_table
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.utc_time import UtcTime
from docustore.clock import now_utc
from docustore.etl.guards.backfill import create_backfill
from docustore.etl.guards.diffs import find_diff
from docustore.etl.models import RunOptions, RunState, RunTrigger
from docustore.etl.preconditions import require_unique_indexes
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import known_source
from docustore.gc_tuning import tune_gc
from docustore.migrations.precondition import require_known_store


@command("backfill", example="docustore etl backfill crm --since 2026-01-01 --until 2026-02-01")
@click.argument("source")
@click.option("--since", type=UtcTime(), required=True, help="Records modified at or after this time.")
@click.option("--until", type=UtcTime(), required=True, help="Records modified before this time.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@click.option("--background", is_flag=True, help="Let a worker read; it resumes the run if it is interrupted.")
async def backfill(
    invocation: Invocation, *, source: str, since: datetime, until: datetime, dry_run: bool, background: bool
) -> int:
    """Read a window of SOURCE again, beside its live run.

    The watermark does not move.
    """
    tune_gc()
    settings = invocation.settings()
    source_settings = known_source(settings.sources, source)
    async with command_database(invocation) as database:
        await require_known_store(database)
        await require_unique_indexes(database)
        run = await create_backfill(
            database,
            source,
            options=RunOptions(since=since, until=until, dry_run=dry_run),
            actor=actor(),
            now=now_utc(),
            trigger=RunTrigger.CLI,
            is_attended=not background,
        )
        found = None
        if not background:
            environment = RunEnvironment(
                database=database, settings=settings, owner="docustore-cli", is_last_resort=True
            )
            run = await execute_run(str(run.id), source_settings, environment)
            if dry_run and run.state is RunState.SUCCEEDED:
                found = await find_diff(database, str(run.id))
    show_run(invocation, run, found, table=run_table(run))
    return DONE if background or run.state is RunState.SUCCEEDED else FAILED
