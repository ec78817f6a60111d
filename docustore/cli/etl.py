"""`docustore etl`: run sources by hand, and inspect runs."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.etl_approve import approve, approved_waiting_run
from docustore.cli.etl_backfill import backfill
from docustore.cli.etl_diff import diff, show_run
from docustore.cli.etl_init import init_command
from docustore.cli.etl_lineage import lineage
from docustore.cli.etl_preview import preview_command
from docustore.cli.etl_progress import follow_run, run_bar
from docustore.cli.etl_reconcile import reconcile_command
from docustore.cli.etl_reject import reject
from docustore.cli.etl_source import given_source
from docustore.cli.etl_sources import pause, release, resume, sources
from docustore.cli.etl_tables import reasons_table, run_table, runs_table
from docustore.cli.etl_test import test
from docustore.cli.etl_watermark import watermark
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.store_for_writing import prepare
from docustore.cli.utc_time import UtcTime
from docustore.document_models import open_database
from docustore.embedded.resolve import reachable_servers
from docustore.errors import SourceBusyError
from docustore.etl import ledger
from docustore.etl.cancel import cancel_run
from docustore.etl.guards.diffs import find_diff
from docustore.etl.mapping_state import changed_mapping
from docustore.etl.models import EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.queries import RunQuery, list_runs
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.run_record import run_record
from docustore.etl.schedule import create_run
from docustore.etl.source_names import remember_address, require_own_name
from docustore.gc_tuning import tune_gc
from docustore.source_settings import SourceSettings


@click.group("etl", epilog="Example: docustore etl run users.ndjson --required email")
def etl() -> None:
    """Load users from upstream systems, and inspect the runs."""


@command("run", example="docustore etl run https://crm.example.org/users --full")
@click.argument("source")
@click.option("--full", is_flag=True, help="Read all records, not only those changed since the watermark.")
@click.option("--dry-run", is_flag=True, help="Classify and count; write nothing.")
@click.option("--since", type=UtcTime(), help="Only records modified at or after this time.")
@click.option("--until", type=UtcTime(), help="Only records modified before this time.")
@click.option("--approve", "is_approved", is_flag=True, help="Let the change of the run that waits through.")
@click.option(
    "--required", multiple=True, help="Field that a record must have; repeatable. [SOURCE given by address]"
)
@click.option(
    "--as",
    "name",
    help="Source name of the identities; default: the file's name or the host. [SOURCE given by address]",
)
async def run(  # noqa: PLR0913  # one parameter per option
    invocation: Invocation,
    *,
    source: str,
    full: bool,
    dry_run: bool,
    since: datetime | None,
    until: datetime | None,
    is_approved: bool,
    required: tuple[str, ...],
    name: str | None,
) -> int:
    """Run SOURCE now: a configured name, a path, or an address of any kind of source."""
    if since is not None and until is not None and since > until:
        raise click.BadParameter("the window ends before it starts", param_hint="--until")
    if is_approved and (full or dry_run or since is not None or until is not None):
        raise click.BadParameter("it repeats the run that waits, without other options", param_hint="--approve")
    tune_gc()
    settings = invocation.settings()
    source_name, source_settings, default_name = given_source(settings, source, required=required, name=name)
    is_named_by_address = default_name is not None and name is None
    if is_named_by_address and not invocation.as_json:
        click.echo(f"Source name: {source_name} (pass --as NAME for another one)", err=True)
    options = RunOptions(full=full, dry_run=dry_run, since=since, until=until)
    async with AsyncExitStack() as stack:
        located = await stack.enter_async_context(reachable_servers(settings, hurry=invocation.interruption.hurry))
        database = await stack.enter_async_context(open_database(located, app_name="docustore-cli"))
        await prepare(database, located, is_embedded=settings.mongodb_url is None)
        if is_named_by_address:
            await require_own_name(database, source_name, source_settings, configured=settings.sources)
        if is_approved:
            entered = await approved_waiting_run(database, source_name)
        else:
            entered = await create_run(
                source_name, trigger=RunTrigger.CLI, options=options, now=datetime.now(UTC), is_attended=True
            )
        with run_bar(source_name, is_shown=not invocation.as_json) as bar:
            environment = RunEnvironment(
                database=database,
                settings=located,
                owner="docustore-cli",
                is_last_resort=True,
                on_progress=bar.count,
                on_step=bar.step,
            )
            finished = await _executed(str(entered.id), source_settings, environment)
        if (advice := await changed_mapping(database, source_name, source_settings)) is not None:
            click.echo(f"Notice: {advice}", err=True)
        # Later than the run: a mistyped address must not take the name.
        if default_name is not None and finished.counts.read and not dry_run:
            await remember_address(database, source_name, source_settings, default_name=default_name)
        found = await find_diff(database, str(finished.id)) if _has_diff(finished) else None
    show_run(invocation, finished, found, table=_summary(finished))
    return DONE if finished.state is RunState.SUCCEEDED else FAILED


@command("runs", example="docustore etl runs --source crm --limit 5")
@click.option("--source", help="Only runs of this source.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
async def runs(invocation: Invocation, *, source: str | None, limit: int) -> int:
    """List runs, latest first."""
    async with command_database(invocation):
        found, _ = await list_runs(RunQuery(source=source, limit=limit))
    invocation.show([run_record(found_run) for found_run in found], table=runs_table(found))
    return DONE


@command("show", example="docustore etl show 6b0363a2c8e7e03b5a434154")
@click.argument("run_id", metavar="RUN")
@click.option("--follow", is_flag=True, help="Show the progress until the run is finished.")
async def show(invocation: Invocation, *, run_id: str, follow: bool) -> int:
    """Show one run."""
    async with command_database(invocation):
        if follow:
            found = await follow_run(run_id, is_shown=not invocation.as_json)
        else:
            found = await ledger.get_run(run_id)
    invocation.show(run_record(found), table=_summary(found))
    return DONE


@command("cancel", example="docustore etl cancel 6b0363a2c8e7e03b5a434154")
@click.argument("run_id", metavar="RUN")
async def cancel(invocation: Invocation, *, run_id: str) -> int:
    """Cancel a run that is due or running; records that it loaded stay."""
    async with command_database(invocation) as database:
        cancelled = await cancel_run(database, run_id, actor=actor())
    invocation.show(run_record(cancelled), table=_summary(cancelled))
    return DONE


for _command in (
    run,
    runs,
    show,
    cancel,
    approve,
    reject,
    backfill,
    diff,
    init_command,
    preview_command,
    reconcile_command,
    watermark,
):
    etl.add_command(_command)
for _command in (sources, pause, resume, release, test, lineage):
    etl.add_command(_command)


def _has_diff(run: EtlRun) -> bool:
    return run.options.dry_run and run.state is RunState.SUCCEEDED


async def _executed(run_id: str, source: SourceSettings, environment: RunEnvironment) -> EtlRun:
    try:
        return await execute_run(run_id, source, environment)
    except SourceBusyError:
        # No worker claims an attended run.
        await ledger.cancel(environment.database, run_id)
        raise


def _summary(run: EtlRun) -> RenderableType:
    lines: list[RenderableType] = [run_table(run)]
    if (reasons := reasons_table(run)) is not None:
        lines.append(reasons)
    if run.error:
        lines.append(Text(f"Error: {run.error}", style="red"))
    return Group(*lines)
