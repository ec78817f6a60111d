"""`docustore indexes`: compare a database with the declarations or apply them."""

import click

from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, DRIFT
from docustore.config import Settings
from indexes.deploy_step import applied, planned
from indexes.report import applied_table, difference_table

prune_option = click.option(
    "--prune", is_flag=True, help="Also hide undeclared indexes, and drop those hidden before."
)


@click.group("indexes", epilog="Example: docustore indexes plan")
def indexes() -> None:
    """Compare collections and indexes with the declarations, and apply them."""


@command("plan", example="docustore indexes plan --json")
@prune_option
async def plan(invocation: Invocation, *, prune: bool) -> int:
    """Show the difference and change nothing: exit 0 in sync, 2 drift, 1 failed."""
    async with invocation.servers() as located:
        return await show_difference(invocation, located, prune=prune)


@command("apply", example="docustore indexes apply")
@prune_option
async def apply(invocation: Invocation, *, prune: bool) -> int:
    """Apply the difference. Safe to run twice, and by two processes at once."""
    async with invocation.servers() as located:
        return await apply_difference(invocation, located, prune=prune)


indexes.add_command(plan)
indexes.add_command(apply)


async def show_difference(invocation: Invocation, settings: Settings, *, prune: bool) -> int:
    """Print what an apply would do; the exit code is 0 in sync, 2 drift."""
    found = await planned(settings, prune=prune)
    invocation.show(found.as_json(), table=difference_table(found))
    return DONE if found.is_in_sync else DRIFT


async def apply_difference(invocation: Invocation, settings: Settings, *, prune: bool) -> int:
    """Make the database as declared, and print what was done."""
    done = await applied(settings, prune=prune)
    invocation.show(done.as_json(), table=applied_table(done))
    return DONE
