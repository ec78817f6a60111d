"""`docustore alerts`: open incidents, undelivered messages, a test message."""

from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.alerts import UndeliveredError, place_of, send
from docustore.audit.log import record
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc
from docustore.database import Document
from docustore.errors import ConfigurationError
from docustore.etl.alert_outbox import MESSAGES, retry_messages, undelivered
from docustore.etl.incidents import open_incidents


@click.group("alerts", epilog="Example: docustore alerts test")
def alerts() -> None:
    """Show open incidents and undelivered messages, and test the addresses."""


@command("list", example="docustore alerts list")
async def list_(invocation: Invocation) -> None:
    """List open incidents, and messages that an address did not take."""
    async with command_database(invocation) as database:
        incidents, messages = await open_incidents(database), await undelivered(database)
    document = {
        "incidents": [_shown(each, "kind", "source", "opened_at", "facts") for each in incidents],
        "undelivered": [_shown(each, "event", "at", "state", "attempts", "deliveries") for each in messages],
    }
    invocation.show(document, table=Group(_incidents(incidents), _messages(messages)))


@command("test", example="docustore alerts test")
async def test(invocation: Invocation) -> int:
    """Send a test message to every address: exit 0 all took it, 1 one did not."""
    urls = invocation.settings().alert_urls
    if not urls:
        raise ConfigurationError(
            setting="alert_urls", problem="no address is configured; set DOCUSTORE_ALERT_URLS"
        )
    body = {"event": "alerts.test", "at": f"{now_utc():%Y-%m-%dT%H:%M:%SZ}", "message": "docustore can reach you"}
    outcomes: list[dict[str, Any]] = []
    for url in urls:
        try:
            await send(url, body)
        except UndeliveredError as exc:
            outcomes.append({"address": place_of(url), "error": str(exc)})
        else:
            outcomes.append({"address": place_of(url), "error": None})
    table = list_table("address", "result")
    for outcome in outcomes:
        table.add_row(outcome["address"], outcome["error"] or "delivered")
    invocation.show(outcomes, table=table)
    return FAILED if any(outcome["error"] for outcome in outcomes) else DONE


@command("retry", example="docustore alerts retry")
async def retry(invocation: Invocation) -> None:
    """Let the worker try every undelivered message at once, also those given up."""
    async with command_database(invocation) as database:
        count = await retry_messages(database, now=now_utc())
        await record(database, actor=actor(), action="alerts.retry", target=MESSAGES, after={"messages": count})
    invocation.show({"messages": count}, table=Text(f"{count} messages are tried within a quarter of a minute."))


for _command in (list_, test, retry):
    alerts.add_command(_command)


def _shown(document: Document, *names: str) -> Document:
    return {name: document.get(name) for name in names}


def _incidents(found: list[Document]) -> RenderableType:
    if not found:
        return Text("No open incident.")
    table = list_table("incident", "source", "since", "facts")
    for each in found:
        facts = "; ".join(f"{name}: {value}" for name, value in each["facts"].items() if value is not None)
        table.add_row(each["kind"], each["source"], f"{each['opened_at']:%Y-%m-%d %H:%M}", facts)
    return table


def _messages(found: list[Document]) -> RenderableType:
    if not found:
        return Text("No undelivered message.")
    table = list_table("message", "since", "state", "attempts", "refused by")
    for each in found:
        refused = [f"{d['place']} ({d['error']})" for d in each["deliveries"].values() if d["error"]]
        table.add_row(
            each["event"], f"{each['at']:%m-%d %H:%M}", each["state"], str(each["attempts"]), ", ".join(refused)
        )
    return table
