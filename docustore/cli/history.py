"""`docustore history`: show the history of a user, its size, and compact it."""

from datetime import timedelta

import click
import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from docustore.audit.log import record
from docustore.changes.horizon import read_horizon
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import facts_table, list_table, next_page_line
from docustore.clock import now_utc
from docustore.history.compaction import CompactionResult, Order, compact
from docustore.history.compaction_status import HistoryStatus, history_status
from docustore.history.models import HISTORY
from docustore.history.user_history import HistoryOrder, HistoryPage, HistoryQuery, list_history


@click.group("history", epilog="Example: docustore history show 6b036b42dddea18c01e9b78e")
def history() -> None:
    """Show the history of users, and bound its size."""


@command("show", example="docustore history show 6b036b42dddea18c01e9b78e --order asc")
@click.argument("user_id", metavar="USER")
@click.option("--order", type=click.Choice([order.value for order in HistoryOrder]), default="desc")
@click.option("--limit", type=click.IntRange(1, MAX_LIMIT), default=DEFAULT_LIMIT, show_default=True)
@click.option("--cursor", help="The `next_cursor` of the previous page, with the same order.")
async def show(invocation: Invocation, *, user_id: str, order: str, limit: int, cursor: str | None) -> None:
    """List the changes of USER, newest first: who changed what, and when."""
    query = HistoryQuery(user_id=user_id, order=HistoryOrder(order), limit=limit, cursor=cursor)
    async with command_database(invocation) as database:
        page = await list_history(database, await read_horizon(database), query)
    invocation.show(msgspec.to_builtins(page), table=_page(page))


@command("status", example="docustore history status --json")
async def status(invocation: Invocation) -> None:
    """Show how large history is, and how far it is compacted."""
    async with command_database(invocation) as database:
        days = invocation.settings().history_compact_after_days
        limit = now_utc() - timedelta(days=days) if days else None
        found = await history_status(database, await read_horizon(database), older_than=limit)
    invocation.show(found, table=_status(found))


@command("compact", example="docustore history compact --older-than 90 --dry-run")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, 36_500),
    help="Compact states that ended more days ago [DOCUSTORE_HISTORY_COMPACT_AFTER_DAYS].",
)
@click.option("--dry-run", is_flag=True, help="Only count what would be compacted.")
async def compact_(invocation: Invocation, *, days: int | None, dry_run: bool) -> None:
    """Replace old states of users by what the next change replaced.

    Reads stay complete; they take a little longer. Safe to interrupt and to run twice.
    """
    days = days or invocation.settings().history_compact_after_days
    if not days:
        raise click.UsageError("give --older-than DAYS, or set DOCUSTORE_HISTORY_COMPACT_AFTER_DAYS")
    async with command_database(invocation) as database:
        horizon = await read_horizon(database)
        order = Order(older_than=now_utc() - timedelta(days=days), seq=horizon.seq, is_dry_run=dry_run)
        if not dry_run:
            # Before the work: an interrupted compaction has changed history too.
            facts = {"older_than_days": days, "up_to": horizon.seq}
            await record(database, actor=actor(), action="history.compact", target=HISTORY, after=facts)
        done = await compact(database, order)
    invocation.show(done, table=_compaction(done, is_dry_run=dry_run))


for part in (show, status, compact_):
    history.add_command(part)


def _page(page: HistoryPage) -> Group:
    table = list_table("number", "at", "change", "by", "fields", "version")
    for entry in page.items:
        table.add_row(
            str(entry.number),
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.operation.value,
            entry.source,
            ", ".join(entry.changed),
            "" if entry.version is None else str(entry.version),
        )
    more = [next_page_line(page.next_cursor)] if page.next_cursor else []
    return Group(table if page.items else Text("No changes."), *more)


def _status(found: HistoryStatus) -> Table:
    facts = {
        "changes": f"{found.rows:,}",
        "oldest": "none" if found.oldest_at is None else f"{found.oldest_at:%Y-%m-%d %H:%M:%S} UTC",
        "bytes per change": f"{found.bytes_per_row:,}",
        "on disk": f"{found.disk_bytes / 1e6:,.1f} MB, and {found.index_bytes / 1e6:,.1f} MB of indexes",
        "compacted": f"{found.compacted:,}, {found.saved_bytes / 1e6:,.1f} MB saved before compression",
        "to compact": "no limit is set" if found.waiting is None else f"up to {found.waiting:,} changes",
    }
    return facts_table(facts)


def _compaction(done: CompactionResult, *, is_dry_run: bool) -> Text:
    verb = "would be compacted" if is_dry_run else "were compacted"
    sizes = f"{done.bytes_before / 1e6:,.1f} MB become {done.bytes_after / 1e6:,.1f} MB before compression"
    return Text(f"{done.compacted:,} states {verb} of {done.rows:,} changes: {sizes}.")
