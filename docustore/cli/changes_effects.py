"""`docustore changes effects` and `changes rebuild`."""

from typing import Any

import click
import msgspec
from rich.table import Table

from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.effects_control import rebuild_effect
from docustore.changes.effects_view import EffectView, list_effects
from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.database import Database


@command("effects", example="docustore changes effects --json")
async def effects(invocation: Invocation) -> None:
    """Show what the listener keeps from the changes: state, progress and lag."""
    async with command_database(invocation) as database:
        await _show(invocation, database)


@command("rebuild", example="docustore changes rebuild user_search")
@click.argument("effect")
async def rebuild(invocation: Invocation, *, effect: str) -> None:
    """Build one effect again from all users, while changes go on."""
    async with command_database(invocation) as database:
        await rebuild_effect(database, effect, actor=actor(), effects=EFFECTS, derived=DERIVED)
        await _show(invocation, database)


async def _show(invocation: Invocation, database: Database) -> None:
    found = await list_effects(database, EFFECTS, DERIVED)
    documents: list[dict[str, Any]] = msgspec.to_builtins(found)
    invocation.show(documents, table=_table(found))


def _table(found: list[EffectView]) -> Table:
    table = list_table("effect", "state", "version", "progress", "lag", "problem")
    for each in found:
        problem = each.error or (f"{each.failures:,} results of users could not be made" if each.failures else "")
        table.add_row(each.name, each.state.value, str(each.version), _progress(each), _lag(each), problem)
    return table


def _progress(effect: EffectView) -> str:
    return "" if effect.users is None else f"{effect.users:,} of about {effect.users_of or 0:,} users"


def _lag(effect: EffectView) -> str:
    if effect.lag_s is None:
        return "with the position"
    return "none" if effect.lag_s == 0 else f"{effect.lag_s:.1f} s"
