"""`docustore analytics reports`: send answers of saved queries by a schedule."""

from typing import IO

import click
import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from docustore.api.body_types import parsed
from docustore.cli.actor import actor
from docustore.cli.analytics_query import read_json
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc
from docustore.reports.bodies import ReportInput
from docustore.reports.deliveries import last_delivery, list_deliveries
from docustore.reports.schedule import deliver_now
from docustore.reports.store import find_report, list_reports, remove_report, save_report, set_paused
from docustore.reports.views import ReportDeliveryView, ReportView, report_delivery_view, report_view

NAME = click.argument("name")
SHOWN_DELIVERIES = 20


@click.group("reports", epilog="Example: docustore analytics reports list")
def reports() -> None:
    """Send the answers of saved queries by a schedule."""


@command("list", example="docustore analytics reports list")
async def list_(invocation: Invocation) -> None:
    """List the reports with their last delivery."""
    now = now_utc()
    async with command_database(invocation) as database:
        found = [
            report_view(each, await last_delivery(database, each["_id"]), now=now)
            for each in await list_reports(database)
        ]
    invocation.show(msgspec.to_builtins(found), table=_table(found))


@command("save", example="docustore analytics reports save weekly-admins report.json")
@NAME
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--replace", is_flag=True, help="Replace the report of this name, whatever its version is.")
async def save(invocation: Invocation, *, name: str, file: IO[bytes], replace: bool) -> None:
    """Save the report in FILE, or on stdin: the body of PUT /analytics/reports/NAME."""
    given = parsed(ReportInput, read_json(file.read()))
    now, if_match = now_utc(), "*" if replace else None
    async with command_database(invocation) as database:
        report, secret = await save_report(
            database, invocation.settings(), name, given, if_match=if_match, actor=actor(), now=now
        )
    view = report_view(report, None, now=now)
    upcoming = (
        "it is paused" if view.next_slot is None else f"its next slot is {view.next_slot:%Y-%m-%d %H:%M} UTC"
    )
    lines = [Text(f"Saved {name}; {upcoming}.")]
    if secret is not None:
        lines += [Text("The secret that signs its messages is shown only now:"), Text(secret, no_wrap=True)]
    invocation.show({"report": msgspec.to_builtins(view), "secret": secret}, table=Group(*lines))


@command("run", example="docustore analytics reports run weekly-admins")
@NAME
async def run(invocation: Invocation, *, name: str) -> int:
    """Deliver the report NAME now: exit 0 delivered, 1 not; a failure is retried."""
    async with command_database(invocation) as database:
        found = await deliver_now(database, invocation.settings(), name, actor=actor())
    view = report_delivery_view(found)
    sentence = f"Delivered {view.rows} rows." if view.error is None else f"Not delivered: {view.error}"
    invocation.show(msgspec.to_builtins(view), table=Text(sentence))
    return DONE if view.error is None else FAILED


@command("deliveries", example="docustore analytics reports deliveries weekly-admins")
@NAME
async def deliveries(invocation: Invocation, *, name: str) -> None:
    """Show the last deliveries of the report NAME: state, attempts, last error."""
    async with command_database(invocation) as database:
        await find_report(database, name)
        stored = await list_deliveries(database, name, limit=SHOWN_DELIVERIES)
    found = [report_delivery_view(each) for each in stored]
    invocation.show(msgspec.to_builtins(found), table=_deliveries(found))


@command("pause", example="docustore analytics reports pause weekly-admins")
@NAME
async def pause(invocation: Invocation, *, name: str) -> None:
    """Pause the report NAME; what is due is skipped."""
    await _set_paused(invocation, name, is_paused=True)


@command("resume", example="docustore analytics reports resume weekly-admins")
@NAME
async def resume(invocation: Invocation, *, name: str) -> None:
    """Resume the report NAME with its next slot."""
    await _set_paused(invocation, name, is_paused=False)


@command("delete", example="docustore analytics reports delete weekly-admins")
@NAME
async def delete(invocation: Invocation, *, name: str) -> None:
    """Delete the report NAME and its deliveries."""
    async with command_database(invocation) as database:
        await remove_report(database, name, actor=actor())
    invocation.show({"name": name}, table=Text(f"Deleted {name}."))


for _command in (list_, save, run, deliveries, pause, resume, delete):
    reports.add_command(_command)


async def _set_paused(invocation: Invocation, name: str, *, is_paused: bool) -> None:
    now = now_utc()
    async with command_database(invocation) as database:
        report = await set_paused(database, name, is_paused=is_paused, actor=actor(), now=now)
    view = report_view(report, None, now=now)
    table = Text(f"{'Paused' if is_paused else 'Resumed'} {name}.")
    invocation.show(msgspec.to_builtins(view), table=table)


def _table(found: list[ReportView]) -> Table:
    table = list_table("name", "query", "schedule", "format", "to", "next", "last")
    for each in found:
        to = each.webhook_url or ", ".join(each.mail_to)
        upcoming = "paused" if each.next_slot is None else f"{each.next_slot:%Y-%m-%d %H:%M}"
        last = "" if each.last is None else each.last.state
        wrong = "" if each.last is None or each.last.error is None else f": {each.last.error}"
        table.add_row(each.name, each.query, each.schedule, each.format, to, upcoming, Text(f"{last}{wrong}"))
    return table


def _deliveries(found: list[ReportDeliveryView]) -> Table:
    table = list_table("slot", "state", "attempts", "rows", "error")
    for each in found:
        rows = "" if each.rows is None else f"{each.rows:,}"
        table.add_row(
            f"{each.slot:%Y-%m-%d %H:%M:%S}", each.state, str(each.attempts), rows, Text(each.error or "")
        )
    return table
