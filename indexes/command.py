"""The deploy step on the command line: show the difference, or apply it."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import click
from pymongo.errors import OperationFailure, PyMongoError
from rich.console import Console

from docustore.config import Settings, load_settings
from docustore.database import Database, connect
from docustore.embedded.resolve import known_servers
from docustore.errors import DatabaseUnavailableError, DocustoreError, SchemaDriftError
from docustore.logs import configure_logging
from indexes.apply import apply_indexes, plan_indexes
from indexes.plan import Plan
from indexes.progress import build_progress_shown
from indexes.report import show_applied, show_difference

DONE: Final = 0
FAILED: Final = 1
DRIFT: Final = 2
APP_NAME: Final = "docustore-indexes"


def show_plan(*, prune: bool, as_json: bool, debug: bool) -> int:
    """Print what differs; changes nothing.

    Returns:
        The exit code: 0 in sync, 1 failed, 2 drift.
    """

    async def planned(database: Database) -> Plan:
        return await plan_indexes(database, prune=prune)

    plan = _run(planned, as_json=as_json, debug=debug)
    if plan is None:
        return FAILED
    _print_json(plan) if as_json else show_difference(plan, Console())
    return DONE if plan.is_in_sync else DRIFT


def apply_plan(*, prune: bool, as_json: bool, debug: bool) -> int:
    """Make the database as declared and print what was done.

    Returns:
        The exit code: 0 done, 1 failed.
    """

    async def applied(database: Database) -> Plan:
        async with build_progress_shown(database, Console(stderr=True)):
            return await apply_indexes(database, prune=prune)

    plan = _run(applied, as_json=as_json, debug=debug)
    if plan is None:
        return FAILED
    _print_json(plan) if as_json else show_applied(plan, Console())
    return DONE


def _run(step: Callable[[Database], Awaitable[Plan]], *, as_json: bool, debug: bool) -> Plan | None:
    """Run one step on the configured database, or that of a running `up`; on an error say so and return None."""
    try:
        settings = load_settings()
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        return asyncio.run(_connected(known_servers(settings) or settings, step))
    except DocustoreError as exc:
        if debug:
            raise
        click.echo(f"Error: {exc}", err=True)
        if as_json:
            click.echo(json.dumps({"error": {"type": type(exc).__name__, "message": str(exc)}}))
        return None


async def _connected(settings: Settings, step: Callable[[Database], Awaitable[Plan]]) -> Plan:
    try:
        async with connect(settings, app_name=APP_NAME) as database:
            return await step(database)
    except OperationFailure as exc:
        # `errmsg` may quote a document's values; the code's name never does.
        name = (exc.details or {}).get("codeName", "an error without a name")
        raise SchemaDriftError(
            f"MongoDB refused a change with {name} ({exc.code}); --debug shows it whole"
        ) from exc
    except PyMongoError as exc:
        raise DatabaseUnavailableError(
            f"MongoDB does not answer ({type(exc).__name__}): check DOCUSTORE_MONGODB_URL and that a primary is up"
        ) from exc


def _print_json(plan: Plan) -> None:
    json.dump(plan.as_json(), sys.stdout)
    sys.stdout.write("\n")


@click.group(epilog="Example: python -m indexes plan --json")
def cli() -> None:
    """Compare the database's collections and indexes with the declarations, and make them so."""


_prune = click.option("--prune", is_flag=True, help="Hide undeclared indexes; drop those hidden before.")
_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
_debug = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


@cli.command("plan", epilog="Exit 0 = in sync, 2 = drift, 1 = failed.")
@_prune
@_as_json
@_debug
def plan_command(*, prune: bool, as_json: bool, debug: bool) -> None:
    """Show the difference; change nothing."""
    sys.exit(show_plan(prune=prune, as_json=as_json, debug=debug))


@cli.command("apply", epilog="Exit 0 = done, 1 = failed. Safe to run twice, and by two processes at once.")
@_prune
@_as_json
@_debug
def apply_command(*, prune: bool, as_json: bool, debug: bool) -> None:
    """Make the database as declared."""
    sys.exit(apply_plan(prune=prune, as_json=as_json, debug=debug))
