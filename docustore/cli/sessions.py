"""`docustore sessions`: show and end the sessions of browsers."""

import click
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.security.api_keys import CACHE_SECONDS
from docustore.security.models import Session
from docustore.security.sessions import list_sessions, revoke_all_sessions, revoke_session, shown_id


@click.group("sessions", epilog="Example: docustore sessions list")
def sessions() -> None:
    """Show and end the sessions of browsers."""


@command("list", example="docustore sessions list --json")
async def list_(invocation: Invocation) -> None:
    """List the sessions that have not expired."""
    async with command_database(invocation):
        found = await list_sessions()
    invocation.show([_shown(session) for session in found], table=_table(found))


@command("revoke", example="docustore sessions revoke 5f2c9a41d0be")
@click.argument("session_id", metavar="ID", required=False)
@click.option("--all", "is_all", is_flag=True, help="Revoke every session and every unused login link.")
async def revoke(invocation: Invocation, *, session_id: str | None, is_all: bool) -> None:
    """Revoke the session ID; running processes refuse it within seconds."""
    if (session_id is None) is not is_all:
        raise click.UsageError("Give the ID of one session, or --all.")
    async with command_database(invocation):
        if session_id is None:
            revoked = await revoke_all_sessions()
        else:
            await revoke_session(session_id)
            revoked = 1
    sentence = f"Revoked {revoked}. Running processes refuse them within {CACHE_SECONDS:g} s."
    invocation.show({"revoked": revoked}, table=Text(sentence))


for part in (list_, revoke):
    sessions.add_command(part)


def _shown(session: Session) -> dict[str, object]:
    shown: dict[str, object] = session.model_dump(mode="json", exclude={"id", "key_binding"})
    return {"id": shown_id(session.id), **shown}


def _table(found: list[Session]) -> Table:
    table = list_table("id", "key", "started", "last used", "expires")
    for session in found:
        key = session.key_id or f"login link ({session.scope})"
        used = f"{session.last_used_at:%Y-%m-%d %H:%M}" if session.last_used_at else "-"
        started, expires = f"{session.created_at:%Y-%m-%d %H:%M}", f"{session.expires_at:%Y-%m-%d %H:%M}"
        table.add_row(shown_id(session.id), key, started, used, expires)
    return table
