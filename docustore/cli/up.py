"""`docustore up`: everything, on this machine, until it is told to end."""

import asyncio
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.follow import following_logs
from docustore.cli.output import notices
from docustore.config import Settings
from docustore.demo.marker import keep_from_demos
from docustore.document_models import open_database
from docustore.embedded.endpoints import Endpoints
from docustore.embedded.supervisor import running_service
from docustore.security.api_keys import ensure_bootstrap_key

LEFT_BY_DEMO: Final = (
    "The store holds the made-up users of a demonstration. To begin without them, end this, "
    "delete {} and start again, or pass another --data-dir."
)


@command("up", example="docustore up --port 0 --data-dir /tmp/docustore")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the API; 0 = any free one. [DOCUSTORE_PORT]")
@click.option("--host", help="Address the API listens on. [DOCUSTORE_HOST]")
@click.option("--verbose", is_flag=True, help="Show the logs of all parts, not only their restarts.")
async def up(invocation: Invocation, *, port: int | None, host: str | None, verbose: bool) -> int:
    """Start the servers that are not configured, the indexes, API, worker and listener; end with Ctrl-C."""
    settings = invocation.settings(port=port, host=host)
    if not invocation.as_json:
        notices().print("Starting MongoDB, Valkey, API, worker and listener ...", style="dim")
    with invocation.interruption.forgiven():
        async with (
            following_logs(settings.data_dir / "logs", enabled=verbose),
            running_service(settings, hurry=invocation.interruption.hurry) as endpoints,
        ):
            admin_key = await _first_admin_key(settings, endpoints)
            invocation.show(
                endpoints.as_json() | {"admin_key": admin_key}, table=_welcome(endpoints, admin_key, settings)
            )
            await asyncio.Event().wait()
    return 0


async def _first_admin_key(settings: Settings, endpoints: Endpoints) -> str | None:
    """Return the plain admin key on the first start of a store; None when one exists or is configured."""
    located = settings.model_copy(update={"mongodb_url": endpoints.mongodb_url, "redis_url": endpoints.redis_url})
    async with open_database(located, app_name="docustore-up") as database:
        if await keep_from_demos(database):
            notices().print(LEFT_BY_DEMO.format(settings.data_dir), style="yellow", markup=False)
        if settings.admin_key is not None:
            return None
        return await ensure_bootstrap_key(database)


def _welcome(endpoints: Endpoints, admin_key: str | None, settings: Settings) -> RenderableType:
    rows: dict[str, Any] = {
        "Page": endpoints.http_url,
        "Logs": settings.data_dir / "logs",
        "Addresses": settings.data_dir / "endpoints.json",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(str(value), overflow="fold"))
    parts: list[RenderableType] = [table]
    if admin_key is not None:
        # On a line of its own and unstyled: it is shown once, and people copy it.
        parts.append(Text("\nAdmin key, shown this once; keep it:", style="bold"))
        parts.append(Text(admin_key, no_wrap=True, overflow="ignore"))
    parts.append(Text("\nCtrl-C ends it.", style="dim"))
    return Group(*parts)
