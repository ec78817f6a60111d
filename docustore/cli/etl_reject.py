"""`docustore etl reject`: decide that the change of a held run is not wanted."""

import click

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.etl_tables import run_table
from docustore.cli.failures import DONE
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.etl.guards.rejection import reject_run
from docustore.etl.run_record import run_record


@command("reject", example="docustore etl reject 6b0363a2c8e7e03b5a434154 --reason 'wrong file'")
@click.argument("run_id", metavar="RUN")
@click.option("--reason", required=True, help="Why, for the next person.")
async def reject(invocation: Invocation, *, run_id: str, reason: str) -> int:
    """Decide that the change of a held run is not wanted.

    The next run of its source reads the same records again.
    """
    async with command_database(invocation) as database:
        run = await reject_run(database, run_id, reason=reason, actor=actor(), now=now_utc())
    invocation.show(run_record(run), table=run_table(run))
    return DONE
