"""`docustore login`: a link that signs a browser in once."""

import click
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.login_link import LINK_MINUTES, new_login_link
from docustore.cli.output import notices
from docustore.cli.store import command_database
from docustore.embedded.endpoints_file import read_endpoints
from docustore.embedded.supervisor import http_url_of
from docustore.security.models import Scope


@command("login", example="docustore login --url https://users.example.org --scope read")
@click.option(
    "--url", help="Address of the API for the browser. [of the running `up`, else DOCUSTORE_HOST and PORT]"
)
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.ADMIN.value,
    show_default=True,
    help="Rights of the session; write includes read, admin includes both.",
)
async def login(invocation: Invocation, *, url: str | None, scope: str) -> None:
    """Print a link that signs a browser in once, without a key."""
    settings = invocation.settings()
    running = read_endpoints(settings.data_dir) if settings.mongodb_url is None else None
    http_url = url or (running.http_url if running is not None else http_url_of(settings))
    async with command_database(invocation):
        link = await new_login_link(http_url, scope=Scope(scope))
    invocation.show(
        {"login_url": link, "valid_minutes": LINK_MINUTES, "scope": scope},
        table=Text(link, no_wrap=True, overflow="ignore"),
    )
    if not invocation.as_json:
        notices().print(f"The link works once, within {LINK_MINUTES} minutes.", style="dim")
