"""`docustore outbox`: the destinations of changes, and their levers."""

from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.outbox_tables import delivery_table, destination_table, replay_sentence
from docustore.cli.store import command_database
from docustore.clock import now_utc
from docustore.errors import FieldError, InvalidInputError
from docustore.outbox.destinations import DestinationKind, remove_destination, request_fill, set_enabled
from docustore.outbox.figures import destination_figures
from docustore.outbox.listing import delivery_page
from docustore.outbox.rows import RowState

NAME = click.argument("name")


@click.group("outbox", epilog="Example: docustore outbox list")
def outbox() -> None:
    """Show and steer the destinations of changes: webhooks, stream, handlers."""


@command("list", example="docustore outbox list --json")
async def list_(invocation: Invocation) -> None:
    """List the destinations: state, pending events, counts, last error."""
    async with command_database(invocation) as database:
        found = await destination_figures(database, now=now_utc())
    invocation.show([asdict(each) for each in found], table=destination_table(found))


@command("events", example="docustore outbox events handler:crm.welcome --state failed")
@NAME
@click.option("--state", type=click.Choice([state.value for state in RowState]), help="Only these. [all]")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
async def events(invocation: Invocation, *, name: str, state: str | None, limit: int) -> None:
    """List the events of the destination NAME, latest first."""
    wanted = None if state is None else RowState(state)
    async with command_database(invocation) as database:
        page = await delivery_page(database, name, state=wanted, limit=limit)
    invocation.show(msgspec.to_builtins(page.items), table=delivery_table(page.items))


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
        table=replay_sentence(first, last),
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


for _command in (list_, events, enable, disable, replay, remove):
    outbox.add_command(_command)
