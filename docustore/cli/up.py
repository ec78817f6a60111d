"""`docustore up`: the whole service on this machine, until Ctrl-C."""

import asyncio
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command, show_passwords_option
from docustore.cli.deploy import deployed
from docustore.cli.follow import following_logs
from docustore.cli.login_link import LINK_MINUTES, new_login_link, open_in_browser
from docustore.cli.output import notices
from docustore.config import Settings
from docustore.demo.demo_database import keep_from_demos
from docustore.document_models import open_database
from docustore.embedded.endpoints_file import FILE_NAME, Endpoints
from docustore.embedded.resolve import with_servers
from docustore.embedded.service import whole_service
from docustore.embedded.supervisor import running_service
from docustore.security.admin_key import require_strong_admin_key
from docustore.security.api_keys import ensure_bootstrap_key
from docustore.security.models import Scope

LEFT_BY_DEMO: Final = (
    "The store holds the generated users of a demonstration. To start without them, stop this process, "
    "delete {} and start again, or pass another --data-dir."
)


@command("up", example="docustore up --port 0 --data-dir /tmp/docustore")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the API; 0 = any free one. [DOCUSTORE_PORT]")
@click.option("--host", help="Address the API listens on. [DOCUSTORE_HOST]")
@click.option("--verbose", is_flag=True, help="Show the logs of all parts, not only restarts.")
@show_passwords_option
async def up(
    invocation: Invocation, *, port: int | None, host: str | None, verbose: bool, show_passwords: bool
) -> int:
    """Run the servers that are not configured, API, worker, listener until Ctrl-C."""
    settings = invocation.settings(port=port, host=host)
    require_strong_admin_key(settings)
    if not invocation.as_json:
        notices().print("Starting MongoDB, Valkey, API, worker and listener ...", style="dim")
    with invocation.interruption.forgiven():
        async with (
            following_logs(settings.data_dir / "logs", enabled=verbose),
            running_service(
                settings,
                plan=whole_service(deployed, listeners=settings.changes_listeners),
                hurry=invocation.interruption.hurry,
            ) as endpoints,
        ):
            admin_key, link = await _ways_in(settings, endpoints)
            shown = endpoints if show_passwords else endpoints.masked()
            invocation.show(
                shown.as_json() | {"admin_key": admin_key, "login_url": link},
                table=_welcome(link, admin_key, shown, settings),
            )
            if not invocation.as_json:
                open_in_browser(link)
            await asyncio.Event().wait()
    return 0


async def _ways_in(settings: Settings, endpoints: Endpoints) -> tuple[str | None, str]:
    """Return a new admin key, if there is none yet, and a login link."""
    async with open_database(with_servers(settings, endpoints), app_name="docustore-up") as database:
        if await keep_from_demos(database):
            notices().print(LEFT_BY_DEMO.format(settings.data_dir), style="yellow")
        link = await new_login_link(endpoints.http_url, scope=Scope.ADMIN)
        if settings.admin_key is not None:
            return None, link
        return await ensure_bootstrap_key(database), link


def _welcome(link: str, admin_key: str | None, shown: Endpoints, settings: Settings) -> RenderableType:
    rows: dict[str, Any] = {
        "MongoDB": shown.mongodb_url,
        "Valkey": shown.redis_url,
        "Passwords": settings.data_dir / FILE_NAME,
        "Logs": settings.data_dir / "logs",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(str(value), overflow="fold"))
    parts: list[RenderableType] = [
        # People copy links and keys: each on its own line, unstyled and never cut.
        Text(f"Page, signs you in once within {LINK_MINUTES} minutes:", style="bold"),
        Text(f"{link}\n", no_wrap=True, overflow="ignore"),
        table,
    ]
    if admin_key is not None:
        parts.append(Text("\nAdmin key, shown only now; keep it:", style="bold"))
        parts.append(Text(admin_key, no_wrap=True, overflow="ignore"))
    parts.append(Text("\n`docustore login` prints another link. Ctrl-C stops the service.", style="dim"))
    return Group(*parts)
