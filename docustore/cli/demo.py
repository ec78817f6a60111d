"""`docustore demo`: the main job on realistic input, from an empty store."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click
import httpx2
from pydantic import SecretStr
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from docustore.cli.command import Invocation, command, show_passwords_option
from docustore.cli.deploy import deployed
from docustore.cli.failures import DONE, FAILED
from docustore.cli.login_link import LINK_MINUTES, new_login_link, open_in_browser
from docustore.cli.output import notices
from docustore.config import Settings
from docustore.database import connect
from docustore.demo.demo_database import make_empty
from docustore.demo.proof import discrepancies
from docustore.demo.scenario import SOURCE, Outcome, Report, Scenario
from docustore.demo.summary import summary, summary_tables
from docustore.demo.upstream_process import Upstream, running_upstream
from docustore.document_models import open_database
from docustore.embedded.endpoints_file import FILE_NAME, Endpoints
from docustore.embedded.ports import is_free
from docustore.embedded.resolve import with_servers
from docustore.embedded.service import whole_service
from docustore.embedded.supervisor import running_service
from docustore.errors import DemoError
from docustore.security.admin_key import require_strong_admin_key
from docustore.security.models import Scope
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

MADE_UP_REQUIRED: Final = ("email", "first_name", "last_name")
# Real files often hold single names; the demonstration accepts them.
FILE_REQUIRED: Final = ("email",)


@command("demo", example="docustore demo --users 2000 --once")
@click.option(
    "--users",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="Number of generated users.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the records of this file instead.",
)
@click.option("--once", is_flag=True, help="Stop after the summary; exit 0 only if everything reconciles.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the API; 0 = any free one. [DOCUSTORE_PORT]")
@show_passwords_option
async def demo(  # one parameter per option
    invocation: Invocation,
    *,
    users: int,
    data: Path | None,
    once: bool,
    port: int | None,
    show_passwords: bool,
) -> int:
    """Load an upstream directory twice, show the result, then run until Ctrl-C."""
    configured = invocation.settings(port=port)
    require_strong_admin_key(configured)
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream(users=users, data=data))
        settings = _settings(configured, upstream, required=FILE_REQUIRED if data else MADE_UP_REQUIRED)
        endpoints = await stack.enter_async_context(
            running_service(settings, plan=whole_service(_prepare), hurry=invocation.interruption.hurry)
        )
        with _progress(upstream.records, is_shown=not invocation.as_json) as report:
            outcome = await _played(settings, endpoints, upstream, report)
        document = await _proven(settings, endpoints, outcome)
        invocation.show(document, table=summary_tables(document))
        if not once:
            if not invocation.as_json:
                await _invite(settings, endpoints, shown=endpoints if show_passwords else endpoints.masked())
            with invocation.interruption.forgiven():
                await asyncio.Event().wait()
    return DONE if document["reconciled"] else FAILED


def _settings(configured: Settings, upstream: Upstream, *, required: tuple[str, ...]) -> Settings:
    source = SourceSettings(
        kind=SourceKind.HTTP, url=f"{upstream.url}/users", schedule="hourly", required=required
    )
    # Port 8000 is often taken: fail only over a port that was asked for.
    is_asked_for = "port" in configured.model_fields_set
    port = configured.port if is_asked_for or is_free(configured.port, host=configured.host) else 0
    return configured.model_copy(
        update={
            "sources": {SOURCE: source},
            "port": port,
            "admin_key": configured.admin_key or SecretStr(f"demo-{secrets.token_urlsafe(24)}"),
        }
    )


async def _prepare(settings: Settings) -> None:
    """Empty the database of an earlier demonstration, then run the deploy step."""
    async with connect(settings, app_name="docustore-demo") as database:
        if not await make_empty(database):
            raise DemoError(
                "the database holds users that are not from a demonstration: pass another --data-dir, "
                "or set another DOCUSTORE_MONGODB_DATABASE"
            )
    await deployed(settings)


async def _played(settings: Settings, endpoints: Endpoints, upstream: Upstream, report: Report) -> Outcome:
    authorization = {"Authorization": f"Bearer {_key(settings)}"}
    async with (
        httpx2.AsyncClient(
            base_url=endpoints.http_url, headers=authorization, trust_env=False, timeout=60.0
        ) as api,
        httpx2.AsyncClient(base_url=upstream.url, trust_env=False, timeout=60.0) as directory,
    ):
        return await Scenario(api, directory, report).play()


async def _proven(settings: Settings, endpoints: Endpoints, outcome: Outcome) -> dict[str, Any]:
    async with open_database(with_servers(settings, endpoints), app_name="docustore-demo") as database:
        found = await discrepancies(
            database, runs=outcome.runs, applied=_rows_expected(outcome.changes), analytics=outcome.analytics
        )
    return summary(outcome, discrepancies=found, url=endpoints.http_url)


@contextmanager
def _progress(records: int, *, is_shown: bool) -> Iterator[Report]:
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notices(), transient=True, disable=not is_shown) as progress:
        steps: dict[str, Any] = {}

        def report(step: str, done: int) -> None:
            if step not in steps:
                steps[step] = progress.add_task(step, total=records if step == "first run" else None)
            progress.update(steps[step], completed=done)

        yield report


async def _invite(settings: Settings, endpoints: Endpoints, *, shown: Endpoints) -> None:
    async with open_database(with_servers(settings, endpoints), app_name="docustore-demo"):
        link = await new_login_link(endpoints.http_url, scope=Scope.ADMIN)
    lines = {
        "Page": link,
        "API": f"{endpoints.http_url}/schema",
        "MongoDB": shown.mongodb_url,
        "Valkey": shown.redis_url,
        "Passwords": str(settings.data_dir / FILE_NAME),
        "Key": _key(settings),
    }
    # Plain lines: people copy the addresses, and a frame would cut them.
    for name, value in lines.items():
        click.echo(f"{name:<11}{value}")
    click.echo(
        f"\nThe page's link works once, within {LINK_MINUTES} minutes; `docustore login` prints another one."
    )
    click.echo("docustore is running; Ctrl-C stops it.")
    open_in_browser(link)


def _key(settings: Settings) -> str:
    return settings.admin_key.get_secret_value() if settings.admin_key else ""


def _rows_expected(changes: Mapping[str, Any]) -> int:
    """Count the rows of history that the status reports: of changes and of snapshots."""
    return int(changes["applied"]) + int(changes["snapshot_rows"])
