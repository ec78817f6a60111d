"""`docustore keys`: create, list and revoke API keys."""

from datetime import timedelta

import click
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc
from docustore.security.api_keys import CACHE_SECONDS, create_key, list_keys, revoke_key
from docustore.security.models import MAX_KEY_NAME_CHARS, ApiKey, Scope


class KeyName(click.ParamType[str]):
    """The purpose of a key, in a few words."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the length of the given text."""
        given = str(value).strip()
        if not 1 <= len(given) <= MAX_KEY_NAME_CHARS:
            self.fail(f"1 to {MAX_KEY_NAME_CHARS} characters", param, ctx)
        return given


@click.group("keys", epilog="Example: docustore keys create reporting --scope read")
def keys() -> None:
    """Create, list and revoke API keys."""


@command("create", example="docustore keys create reporting --scope read --expires-in-days 90")
@click.argument("name", type=KeyName())
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="Rights of the key; write includes read, admin includes both.",
)
@click.option("--expires-in-days", type=click.IntRange(1, 36_500), help="Days until the key expires. [never]")
async def create(invocation: Invocation, *, name: str, scope: str, expires_in_days: int | None) -> None:
    """Create a key called NAME and print it; it cannot be shown again."""
    expires_at = now_utc() + timedelta(days=expires_in_days) if expires_in_days else None
    async with command_database(invocation):
        new = await create_key(name=name, scope=Scope(scope), expires_at=expires_at)
    # People copy the key from here: no table border, no line break.
    invocation.show({"key": new.key, **_shown(new.record)}, table=Text(new.key, no_wrap=True, overflow="ignore"))


@command("list", example="docustore keys list --json")
async def list_(invocation: Invocation) -> None:
    """List all keys, revoked and expired ones too; only their hashes are stored."""
    async with command_database(invocation):
        found = await list_keys()
    invocation.show([_shown(key) for key in found], table=_table(found))


@command("revoke", example="docustore keys revoke 5f2c9a41d0be")
@click.argument("key_id", metavar="ID")
async def revoke(invocation: Invocation, *, key_id: str) -> None:
    """Revoke the key ID for good; running processes refuse it within seconds."""
    async with command_database(invocation):
        ended = await revoke_key(key_id)
    sentence = f"Revoked {ended.id} ({ended.name}). Running processes refuse it within {CACHE_SECONDS:g} s."
    invocation.show(_shown(ended), table=Text(sentence))


for part in (create, list_, revoke):
    keys.add_command(part)


def _shown(key: ApiKey) -> dict[str, object]:
    shown: dict[str, object] = key.model_dump(mode="json", exclude={"hash"})
    return shown


def _table(found: list[ApiKey]) -> Table:
    table = list_table("id", "name", "scope", "created", "last used", "state")
    now = now_utc()
    for key in found:
        state = "revoked" if key.revoked_at else "usable" if key.is_usable(now) else "expired"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        table.add_row(key.id, key.name, key.scope.value, f"{key.created_at:%Y-%m-%d %H:%M}", used, state)
    return table
