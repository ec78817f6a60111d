"""`docustore etl approve`: let the change of a held run through."""

import click

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.etl_tables import run_table
from docustore.cli.failures import DONE
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.guards.approval import approve_run, waiting_run
from docustore.etl.ledger import get_run
from docustore.etl.models import EtlRun, RunTrigger
from docustore.etl.run_record import run_record
from docustore.etl.schedule import known_source


async def approved_waiting_run(database: Database, source: str) -> EtlRun:
    """Approve the run of a source that waits; the caller works on the new run."""
    waiting = await waiting_run(database, source)
    return await approve_run(
        database, str(waiting.id), actor=actor(), now=now_utc(), trigger=RunTrigger.CLI, is_attended=True
    )


@command("approve", example="docustore etl approve 6b0363a2c8e7e03b5a434154")
@click.argument("run_id", metavar="RUN")
async def approve(invocation: Invocation, *, run_id: str) -> int:
    """Let a worker make the change of a held run.

    `etl run SOURCE --approve` makes it here.
    """
    settings = invocation.settings()
    async with command_database(invocation) as database:
        known_source(settings.sources, (await get_run(run_id)).source)
        run = await approve_run(database, run_id, actor=actor(), now=now_utc(), trigger=RunTrigger.CLI)
    invocation.show(run_record(run), table=run_table(run))
    return DONE
