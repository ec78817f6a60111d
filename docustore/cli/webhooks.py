"""`docustore webhooks`: create, test, steer and delete webhooks."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click
import msgspec
from pydantic import ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from docustore.changes.subscriptions import EventKind
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.outbox_tables import delivery_table, replay_sentence
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.config_loading import configuration_error
from docustore.outbox.listing import delivery_page
from docustore.outbox.rows import RowState
from docustore.users.profile import UserStatus
from docustore.webhooks import service
from docustore.webhooks.bodies import DEFAULT_OVERLAP_H, MAX_OVERLAP_H, WebhookInput
from docustore.webhooks.store import destination_of, find_webhook
from docustore.webhooks.views import WebhookView, webhook_view, webhook_views

WEBHOOK_ID = click.argument("webhook_id", metavar="ID")


@click.group("webhooks", epilog="Example: docustore webhooks create https://example.org/hook --operation insert")
def webhooks() -> None:
    """Tell changes of users to other systems by signed requests."""


@command("list", example="docustore webhooks list")
async def list_(invocation: Invocation) -> None:
    """List the webhooks with the state of their deliveries."""
    async with command_database(invocation) as database:
        found = await webhook_views(database)
    invocation.show([_json(each) for each in found], table=_table(found))


@command("create", example="docustore webhooks create https://example.org/hook --field email --field status")
@click.argument("url")
@click.option("--description", default="", help="What it is for.")
@click.option(
    "--operation",
    "operations",
    multiple=True,
    type=click.Choice([kind.value for kind in EventKind]),
    help="Only these; may be repeated. [all]",
)
@click.option("--field", "fields", multiple=True, help="An update must have changed one of these. [any]")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in UserStatus]),
    help="Only users with one of these. [any]",
)
@click.option("--since", type=click.IntRange(0), help="Also tell the changes after this number. [only new ones]")
async def create(invocation: Invocation, *, url: str, **given: Any) -> None:
    """Create a webhook for URL and print its secret; it cannot be shown again."""
    try:
        webhook = WebhookInput(url=url, **{name: _listed(value) for name, value in given.items()})
    except ValidationError as exc:
        raise configuration_error(exc) from exc
    async with command_database(invocation) as database:
        webhook_id, secret = await service.create_webhook(database, invocation.settings(), webhook, actor=actor())
        view = await webhook_view(database, webhook_id)
    lines = Group(Text(f"webhook {webhook_id}; its secret is shown only now:"), _whole_line(secret))
    invocation.show({"secret": secret, "webhook": _json(view)}, table=lines)


@command("delete", example="docustore webhooks delete 5f2c9a41d0be")
@WEBHOOK_ID
async def delete(invocation: Invocation, *, webhook_id: str) -> None:
    """Delete the webhook ID with its secrets and deliveries."""
    async with command_database(invocation) as database:
        await service.delete_webhook(database, webhook_id, actor=actor())
    invocation.show({"id": webhook_id}, table=Text(f"Deleted {webhook_id}."))


@command("test", example="docustore webhooks test 5f2c9a41d0be")
@WEBHOOK_ID
async def test(invocation: Invocation, *, webhook_id: str) -> int:
    """Post a test message now: exit 0 the endpoint took it, 1 it did not."""
    async with command_database(invocation) as database:
        result = await service.send_test_message(database, invocation.settings(), webhook_id, actor=actor())
    sentence = result.error or f"status {result.status} after {result.duration_s:.3f} s"
    invocation.show(msgspec.to_builtins(result), table=Text(sentence))
    return DONE if result.error is None else FAILED


@command("rotate", example="docustore webhooks rotate 5f2c9a41d0be --overlap-hours 48")
@WEBHOOK_ID
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, MAX_OVERLAP_H),
    default=DEFAULT_OVERLAP_H,
    show_default=True,
    help="Hours in which both secrets sign.",
)
async def rotate(invocation: Invocation, *, webhook_id: str, overlap_hours: int) -> None:
    """Make a new secret and print it; the old one signs until the overlap ends."""
    async with command_database(invocation) as database:
        secret, ends_at = await service.rotate_secret(
            database, webhook_id, overlap=timedelta(hours=overlap_hours), actor=actor()
        )
    lines = Group(Text(f"The old secret signs until {ends_at:%Y-%m-%d %H:%M} UTC. New:"), _whole_line(secret))
    invocation.show({"secret": secret, "old_secret_ends_at": ends_at}, table=lines)


@command("replay", example="docustore webhooks replay 5f2c9a41d0be --since 1200 --until 1300")
@WEBHOOK_ID
@click.option("--since", type=click.IntRange(0), help="The number after which the range begins.")
@click.option("--until", type=click.IntRange(1), help="The last number of the range. [the present one]")
@click.option("--number", type=click.IntRange(1), help="One event only.")
async def replay(
    invocation: Invocation, *, webhook_id: str, since: int | None, until: int | None, number: int | None
) -> None:
    """Deliver a range of changes, or one, once more and under the same ids."""
    if (since is None) == (number is None):
        raise click.UsageError("give --since for a range or --number for one event")
    async with command_database(invocation) as database:
        if number is not None:
            await service.replay_delivery(database, webhook_id, number, actor=actor())
            first, last = number - 1, number
        else:
            first, last = await service.replay_range(
                database, webhook_id, since=since or 0, until=until, actor=actor()
            )
    invocation.show(
        {"since": first, "until": last},
        table=replay_sentence(first, last),
    )


@command("enable", example="docustore webhooks enable 5f2c9a41d0be --replay-missed")
@WEBHOOK_ID
@click.option("--replay-missed", is_flag=True, help="Also tell what happened while it was disabled.")
async def enable(invocation: Invocation, *, webhook_id: str, replay_missed: bool) -> None:
    """Enable the webhook ID: deliver pending events and new ones."""
    async with command_database(invocation) as database:
        await service.enable_webhook(database, webhook_id, is_enabled=True, actor=actor(), replay=replay_missed)
        view = await webhook_view(database, webhook_id)
    invocation.show(_json(view), table=_table([view]))


@command("disable", example="docustore webhooks disable 5f2c9a41d0be")
@WEBHOOK_ID
async def disable(invocation: Invocation, *, webhook_id: str) -> None:
    """Disable the webhook ID: deliver nothing and note no further changes."""
    async with command_database(invocation) as database:
        await service.enable_webhook(database, webhook_id, is_enabled=False, actor=actor())
        view = await webhook_view(database, webhook_id)
    invocation.show(_json(view), table=_table([view]))


@command("deliveries", example="docustore webhooks deliveries 5f2c9a41d0be --state failed")
@WEBHOOK_ID
@click.option("--state", type=click.Choice([state.value for state in RowState]), help="Only these. [all]")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
async def deliveries(invocation: Invocation, *, webhook_id: str, state: str | None, limit: int) -> None:
    """List the deliveries of the webhook ID, latest first."""
    wanted = None if state is None else RowState(state)
    async with command_database(invocation) as database:
        await find_webhook(database, webhook_id)
        page = await delivery_page(database, destination_of(webhook_id), state=wanted, limit=limit)
    invocation.show(msgspec.to_builtins(page.items), table=delivery_table(page.items))


for _command in (list_, create, delete, test, rotate, enable, disable, deliveries, replay):
    webhooks.add_command(_command)


def _json(view: WebhookView) -> Any:
    return msgspec.to_builtins(view)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _whole_line(secret: str) -> Text:
    # People copy it: no line break.
    return Text(secret, no_wrap=True, overflow="ignore")


def _table(found: Sequence[WebhookView]) -> Table:
    table = list_table("id", "url", "state", "pending", "delivered", "failed", "last error")
    for each in found:
        state = "enabled" if each.is_enabled else f"disabled ({each.disabled.reason if each.disabled else ''})"
        counts = (str(each.pending), str(each.delivered), str(each.failed))
        table.add_row(each.id, each.url, state, *counts, each.last_error or "")
    return table
