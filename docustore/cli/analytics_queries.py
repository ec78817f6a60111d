"""`docustore analytics queries`: keep questions under a name."""

from typing import IO

import click
import msgspec
from rich.text import Text

from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.analytics.query.saved.store import (
    Writer,
    find_saved,
    list_saved,
    remove,
    save,
    stored_query,
)
from docustore.analytics.query.saved.views import saved_query_view
from docustore.api.body_types import parsed
from docustore.cli.actor import actor
from docustore.cli.analytics_query import answered, read_json, show_answer
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc

NAME = click.argument("name")


@click.group("queries", epilog="Example: docustore analytics queries list")
def queries() -> None:
    """Keep questions about users under a name."""


@command("list", example="docustore analytics queries list")
async def list_(invocation: Invocation) -> None:
    """List the saved queries by name."""
    async with command_database(invocation) as database:
        found = [saved_query_view(each) for each in await list_saved(database)]
    table = list_table("name", "version", "owner", "description", "problems")
    for each in found:
        wrong = ", ".join(problem.pointer for problem in each.problems)
        table.add_row(each.name, str(each.version), each.owner, Text(each.description), Text(wrong, style="red"))
    invocation.show(msgspec.to_builtins(found), table=table)


@command("show", example="docustore analytics queries show admins")
@NAME
async def show(invocation: Invocation, *, name: str) -> None:
    """Show the saved query NAME."""
    async with command_database(invocation) as database:
        view = saved_query_view(await find_saved(database, name))
    document = msgspec.to_builtins(view)
    invocation.show(document, table=Text(msgspec.json.format(msgspec.json.encode(document)).decode()))


@command("save", example="docustore analytics queries save admins question.json --description 'who is admin'")
@NAME
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--description", default="", help="What it is for.")
@click.option("--replace", is_flag=True, help="Replace the query of this name, whatever its version is.")
async def save_(invocation: Invocation, *, name: str, file: IO[bytes], description: str, replace: bool) -> None:
    """Save the question in FILE, or on stdin, under NAME."""
    given = parsed(SavedQueryInput, {"query": read_json(file.read()), "description": description})
    async with command_database(invocation) as database:
        if_match = "*" if replace else None
        saved = await save(database, name, given, writer=_writer(), if_match=if_match, now=now_utc())
    view = saved_query_view(saved)
    invocation.show(msgspec.to_builtins(view), table=Text(f"Saved {name}, version {view.version}."))


@command("run", example="docustore analytics queries run admins --csv")
@NAME
@click.option("--explain", is_flag=True, help="Tell how it would be answered; run nothing.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV.")
async def run(invocation: Invocation, *, name: str, explain: bool, as_csv: bool) -> None:
    """Answer the saved query NAME."""
    if as_csv and (explain or invocation.as_json):
        raise click.UsageError("--csv prints rows only: leave out --explain and --json.")
    async with command_database(invocation) as database:
        asked = stored_query(await find_saved(database, name))
    found = await answered(invocation, asked.model_copy(update={"explain": explain}))
    show_answer(invocation, found, as_csv=as_csv)


@command("delete", example="docustore analytics queries delete admins")
@NAME
async def delete(invocation: Invocation, *, name: str) -> None:
    """Delete the saved query NAME."""
    async with command_database(invocation) as database:
        await remove(database, name, writer=_writer())
    invocation.show({"name": name}, table=Text(f"Deleted {name}."))


for _command in (list_, show, save_, run, delete):
    queries.add_command(_command)


def _writer() -> Writer:
    # Who can run commands on the store can do everything.
    return Writer(actor=actor(), is_admin=True)
