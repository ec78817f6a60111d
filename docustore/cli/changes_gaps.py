"""`docustore changes gaps`: list and accept what may be missing in history."""

from datetime import UTC, datetime
from typing import Any

import click
from rich.console import RenderableType
from rich.text import Text

from docustore.changes.gaps_control import accept_gap
from docustore.changes.gaps_view import GapView, find_gap, list_gaps
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table


@command("gaps", example="docustore changes gaps --accept ID")
@click.option("--accept", metavar="ID", help="Note that you know what may be missing; `doctor` warns no longer.")
async def gaps(invocation: Invocation, *, accept: str | None) -> None:
    """List the positions that were lost or moved, or accept one."""
    async with command_database(invocation) as database:
        if accept is None:
            found = await list_gaps(database)
            invocation.show([_document(gap) for gap in found], table=_table(found))
            return
        await accept_gap(database, accept, actor=actor(), at=datetime.now(UTC))
        gap = await find_gap(database, accept)
        invocation.show(_document(gap), table=_table([gap]))


def _table(gaps: list[GapView]) -> RenderableType:
    if not gaps:
        return Text("No gaps.")
    table = list_table("id", "reason", "policy", "last change before", "closed", "rows added", "accepted by")
    for gap in gaps:
        table.add_row(
            gap.id,
            gap.reason,
            gap.policy,
            _time(gap.lost_after),
            _time(gap.closed_at) or "open",
            "" if gap.rows is None else f"{gap.rows:,}",
            gap.accepted_by or "",
        )
    return table


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def _document(gap: GapView) -> dict[str, Any]:
    return {name: getattr(gap, name) for name in gap.__struct_fields__}
