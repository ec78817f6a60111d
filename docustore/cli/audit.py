"""`docustore audit`: read what people did to the service."""

from datetime import datetime

import click
import msgspec
from rich.console import Group
from rich.text import Text

from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from docustore.audit.entries import AuditPage, AuditQuery, list_entries
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table, next_page_line
from docustore.cli.utc_time import UtcTime


@click.group("audit", epilog="Example: docustore audit list --action changes.reset")
def audit() -> None:
    """Read what people did: who, when, what, and the state before and after."""


@command("list", example="docustore audit list --actor cli:ada --since 2026-01-31T12:00:00Z")
@click.option("--actor", help="Only actions of this actor, such as cli:ada or api:<key id>.")
@click.option("--action", help="Only this action, such as changes.reset.")
@click.option("--target", help="Only actions on this target, such as change_positions/users.")
@click.option("--since", type=UtcTime(), help="Only actions at or after this time.")
@click.option("--until", type=UtcTime(), help="Only actions before this time.")
@click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=DEFAULT_LIMIT, show_default=True)
@click.option("--cursor", help="The `next_cursor` of the previous page, with the same filters.")
async def list_(  # noqa: PLR0913  # one parameter per option
    invocation: Invocation,
    *,
    actor: str | None,
    action: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List actions, latest first."""
    query = AuditQuery(
        actor=actor, action=action, target=target, since=since, until=until, limit=limit, cursor=cursor
    )
    async with command_database(invocation) as database:
        page = await list_entries(database, query)
    invocation.show(msgspec.to_builtins(page), table=_table(page))


audit.add_command(list_)


def _table(page: AuditPage) -> Group:
    table = list_table("at", "actor", "action", "target", "after")
    for entry in page.items:
        facts = ", ".join(f"{name}={value}" for name, value in (entry.after or {}).items())
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, entry.action, entry.target, facts)
    more = [next_page_line(page.next_cursor)] if page.next_cursor else []
    return Group(table if page.items else Text("No entries."), *more)
