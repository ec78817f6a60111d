"""`docustore up`: the whole service on this machine, until Ctrl-C."""

import asyncio
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.deploy import deployed
from docustore.cli.follow import following_logs
from docustore.cli.output import notices
from docustore.config import Settings
from docustore.demo.demo_database import keep_from_demos
from docustore.document_models import open_database
from docustore.embedded.endpoints_file import Endpoints
from docustore.embedded.resolve import with_servers
from docustore.embedded.service import whole_service
from docustore.embedded.supervisor import running_service
from docustore.security.api_keys import ensure_bootstrap_key

LEFT_BY_DEMO: Final = (
    "The store holds the generated users of a demonstration. To start without them, stop this process, "
    "delete {} and start again, or pass another --data-dir."
)


@command("up", example="docustore up --port 0 --data-dir /tmp/docustore")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the API; 0 = any free one. [DOCUSTORE_PORT]")
@click.option("--host", help="Address the API listens on. [DOCUSTORE_HOST]")
@click.option("--verbose", is_flag=True, help="Show the logs of all parts, not only restarts.")
async def up(invocation: Invocation, *, port: int | None, host: str | None, verbose: bool) -> int:
    """Run the servers that are not configured, API, worker, listener until Ctrl-C."""
    settings = invocation.settings(port=port, host=host)
    if not invocation.as_json:
        notices().print("Starting MongoDB, Valkey, API, worker and listener ...", style="dim")
    with invocation.interruption.forgiven():
        async with (
            following_logs(settings.data_dir / "logs", enabled=verbose),
            running_service(
                settings, plan=whole_service(deployed), hurry=invocation.interruption.hurry
            ) as endpoints,
        ):
            admin_key = await _first_admin_key(settings, endpoints)
            invocation.show(
                endpoints.as_json() | {"admin_key": admin_key}, table=_welcome(endpoints, admin_key, settings)
            )
            await asyncio.Event().wait()
    return 0


async def _first_admin_key(settings: Settings, endpoints: Endpoints) -> str | None:
    """Return a new admin key; None when one exists or is configured."""
    async with open_database(with_servers(settings, endpoints), app_name="docustore-up") as database:
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
        # On its own line and unstyled: it is shown once, and people copy it.
        parts.append(Text("\nAdmin key, shown only now; keep it:", style="bold"))
        parts.append(Text(admin_key, no_wrap=True, overflow="ignore"))
    parts.append(Text("\nCtrl-C stops it.", style="dim"))
    return Group(*parts)
