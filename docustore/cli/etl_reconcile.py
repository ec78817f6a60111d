"""`docustore etl reconcile`: compare a source with the store."""

from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table

from docustore.cli.command import Invocation, command
from docustore.cli.etl_tables import run_table
from docustore.cli.failures import DONE, DRIFT
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.guards.reconcile import Finding, Reconciliation, reconcile
from docustore.etl.models import EtlRun, RunOptions, RunTrigger
from docustore.etl.preconditions import require_unique_indexes
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.run_record import run_record
from docustore.etl.schedule import create_run, known_source
from docustore.gc_tuning import tune_gc
from docustore.migrations.precondition import require_known_store
from docustore.source_settings import SourceSettings


@command("reconcile", example="docustore etl reconcile crm --repair")
@click.argument("source")
@click.option(
    "--repair", is_flag=True, help="Load what is missing or different, by a full run; then compare again."
)
async def reconcile_command(invocation: Invocation, *, source: str, repair: bool) -> int:
    """Compare everything that SOURCE has with the store; exit 2 if they differ."""
    tune_gc()
    settings = invocation.settings()
    source_settings = known_source(settings.sources, source)
    run = None
    async with command_database(invocation) as database:
        await require_known_store(database)
        await require_unique_indexes(database)
        found = await reconcile(database, source, source_settings, settings)
        document: dict[str, Any] = {**found.model_dump(mode="json"), "is_equal": found.is_equal}
        tables: list[RenderableType] = [reconciliation_table(found)]
        if repair and not found.is_equal:
            run = await _repair(database, source, source_settings, settings)
            found = await reconcile(database, source, source_settings, settings)
            after = {**found.model_dump(mode="json"), "is_equal": found.is_equal}
            document |= {"run": run_record(run), "after": after}
            tables += [run_table(run), reconciliation_table(found)]
    invocation.show(document, table=Group(*tables))
    return DONE if found.is_equal else DRIFT


async def _repair(database: Database, source: str, source_settings: SourceSettings, settings: Settings) -> EtlRun:
    entered = await create_run(
        source, trigger=RunTrigger.CLI, options=RunOptions(full=True), now=now_utc(), is_attended=True
    )
    environment = RunEnvironment(database=database, settings=settings, owner="docustore-cli", is_last_resort=True)
    return await execute_run(str(entered.id), source_settings, environment)


def reconciliation_table(found: Reconciliation) -> Table:
    """Lay out a comparison: one row per finding, with the first keys."""
    verdict = "equal" if found.is_equal else "different"
    table = Table("finding", "records", "such as", title=f"{found.source}: {verdict}", title_justify="left")
    for finding in Finding:
        if count := found.findings.get(finding):
            table.add_row(finding, f"{count:,}", ", ".join(found.keys.get(finding, [])[:5]))
    return table
