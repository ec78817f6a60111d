"""`docustore indexes`: what the deploy step does, with the servers that a command finds by itself."""

import sys

import click

from docustore.cli.command import Invocation, command
from docustore.cli.failures import FAILED
from docustore.cli.output import print_json
from docustore.cli.programs import output_of
from docustore.embedded.resolve import reachable_servers
from docustore.embedded.service import indexes_command


@click.group("indexes", epilog="Example: docustore indexes plan")
def indexes() -> None:
    """Compare collections, validators and indexes with the declarations, and make them so."""


@command("plan", example="docustore indexes plan --json")
@click.option("--prune", is_flag=True, help="Also hide undeclared indexes, and drop those hidden before.")
async def plan(invocation: Invocation, *, prune: bool) -> int:
    """Show the difference and change nothing: exit 0 in sync, 2 drift, 1 failed."""
    return await _run(invocation, "plan", prune=prune)


@command("apply", example="docustore indexes apply")
@click.option("--prune", is_flag=True, help="Also hide undeclared indexes, and drop those hidden before.")
async def apply(invocation: Invocation, *, prune: bool) -> int:
    """Apply the difference; again does nothing, and two at once are safe."""
    return await _run(invocation, "apply", prune=prune)


indexes.add_command(plan)
indexes.add_command(apply)


async def _run(invocation: Invocation, step: str, *, prune: bool) -> int:
    flags = {"--prune": prune, "--json": invocation.as_json, "--debug": invocation.debug}
    program = indexes_command(step, *(flag for flag, is_set in flags.items() if is_set))
    settings = invocation.settings()
    async with reachable_servers(settings, hurry=invocation.interruption.hurry) as located:
        exit_code, output = await output_of(program, located)
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    if invocation.as_json and exit_code == FAILED and not output:
        print_json({"error": {"type": "IndexesError", "message": f"indexes {step} failed; see stderr"}})
    return exit_code
