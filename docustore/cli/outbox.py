"""`docustore outbox`: the destinations of changes, and their levers."""

from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.errors import FieldError, InvalidInputError
from docustore.outbox.destinations import DestinationKind, remove_destination, request_fill, set_enabled
from docustore.outbox.figures import DestinationFigures, destination_figures

NAME = click.argument("name")


@click.group("outbox", epilog="Example: docustore outbox list")
def outbox() -> None:
    """Show and steer the destinations of changes: webhooks, stream, handlers."""


@command("list", example="docustore outbox list --json")
async def list_(invocation: Invocation) -> None:
    """List the destinations: state, pending events, counts, last error."""
    async with command_database(invocation) as database:
        found = await destination_figures(database, now=now_utc())
    invocation.show([asdict(each) for each in found], table=_table(found))


@command("enable", example="docustore outbox enable handler:crm.welcome --replay-missed")
@NAME
@click.option("--replay-missed", is_flag=True, help="Also tell what happened while it was disabled.")
async def enable(invocation: Invocation, *, name: str, replay_missed: bool) -> None:
    """Enable the destination NAME."""
    async with command_database(invocation) as database:
        await set_enabled(database, name, is_enabled=True, actor=actor(), replay=replay_missed)
    invocation.show({"name": name, "is_enabled": True}, table=Text(f"{name} is enabled."))


@command("disable", example="docustore outbox disable stream")
@NAME
async def disable(invocation: Invocation, *, name: str) -> None:
    """Disable the destination NAME: deliver nothing and note no further changes."""
    async with command_database(invocation) as database:
        await set_enabled(database, name, is_enabled=False, actor=actor())
    invocation.show({"name": name, "is_enabled": False}, table=Text(f"{name} is disabled."))


@command("replay", example="docustore outbox replay handler:crm.welcome --since 1200")
@NAME
@click.option("--since", type=click.IntRange(0), required=True, help="The number after which the range begins.")
@click.option("--until", type=click.IntRange(1), help="The last number of the range. [the present one]")
async def replay(invocation: Invocation, *, name: str, since: int, until: int | None) -> None:
    """Deliver a range of changes to NAME once more, under the same ids."""
    async with command_database(invocation) as database:
        first, last = await request_fill(database, name, since=since, until=until, actor=actor())
    invocation.show(
        {"since": first, "until": last},
        table=Text(f"A worker delivers the changes {first + 1} to {last} once more."),
    )


@command("remove", example="docustore outbox remove handler:crm.welcome")
@NAME
async def remove(invocation: Invocation, *, name: str) -> None:
    """Remove the destination NAME of a handler or stream that no longer exists."""
    if name.startswith(DestinationKind.WEBHOOK):
        detail = "delete a webhook with `docustore webhooks delete`: its secrets go with it"
        raise InvalidInputError((FieldError(pointer="/name", code="not_allowed", detail=detail),))
    async with command_database(invocation) as database:
        await remove_destination(database, name, actor=actor())
    invocation.show({"name": name}, table=Text(f"{name} is removed; a worker that knows it makes it anew."))


for _command in (list_, enable, disable, replay, remove):
    outbox.add_command(_command)


def _table(found: Sequence[DestinationFigures]) -> Table:
    table = Table("destination", "state", "pending", "oldest", "delivered", "failed", "last error")
    for each in found:
        state = "enabled" if each.is_enabled else f"disabled ({(each.disabled or {}).get('reason', '')})"
        oldest = "" if each.oldest_s is None else f"{each.oldest_s:.0f} s"
        counts = (str(each.delivered), str(each.failed))
        table.add_row(each.name, state, str(each.pending), oldest, *counts, each.last_error or "")
    return table
