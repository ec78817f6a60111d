"""`docustore analytics query`: answer a question about users."""

import sys
from typing import IO, Any

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.analytics.query.answer import answer
from docustore.analytics.query.answers import Explanation, QueryAnswer
from docustore.analytics.query.columns import ColumnKind
from docustore.analytics.query.cost import QueryLimits
from docustore.analytics.query.model import QueryInput
from docustore.api.body_types import parsed
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import now_utc
from docustore.reports.tables import csv_of


@command(
    "query", example="""echo '{"metrics": ["users"], "dimensions": ["status"]}' | docustore analytics query"""
)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--explain", is_flag=True, help="Tell how it would be answered; run nothing.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV.")
async def query(invocation: Invocation, *, file: IO[bytes], explain: bool, as_csv: bool) -> None:
    """Answer the question in FILE, or on stdin: the body of POST /analytics/query."""
    if as_csv and (explain or invocation.as_json):
        raise click.UsageError("--csv prints rows only: leave out --explain and --json.")
    asked = parsed(QueryInput, read_json(file.read()))
    found = await answered(invocation, asked.model_copy(update={"explain": explain or asked.explain}))
    show_answer(invocation, found, as_csv=as_csv)


def read_json(text: bytes) -> Any:
    """Read JSON.

    Raises:
        BadParameter: The text is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise click.BadParameter("the question is no JSON in UTF-8", param_hint="FILE") from exc


async def answered(invocation: Invocation, asked: QueryInput) -> QueryAnswer:
    """Answer a question with the limits of the settings."""
    limits = QueryLimits.of(invocation.settings())
    async with command_database(invocation) as database:
        return await answer(database, asked, now=now_utc(), limits=limits)


def show_answer(invocation: Invocation, found: QueryAnswer, *, as_csv: bool) -> None:
    """Print an answer as a table, as JSON, or as CSV."""
    if as_csv:
        sys.stdout.write(csv_of(found))
        return
    told = found.explanation
    invocation.show(msgspec.to_builtins(found), table=_rows(found) if told is None else _explained(told))


def _rows(found: QueryAnswer) -> RenderableType:
    table = list_table()
    for column in found.columns:
        table.add_column(column.name, justify="right" if column.kind is ColumnKind.METRIC else "left")
    for row in found.rows:
        table.add_row(*(Text("" if cell is None else _shown(cell)) for cell in row))
    as_of = "" if found.as_of is None else f", as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"
    more = ", more rows than the limit" if found.is_truncated else ""
    exact = "" if found.is_exact else ", not exact"
    return Group(table, Text(f"{len(found.rows)} rows by {found.source}{exact}{as_of}{more}", style="dim"))


def _shown(cell: str | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}"


def _explained(told: Explanation) -> RenderableType:
    cost = told.estimate
    how = "found by an index" if cost.uses_index else "all"
    lines = [
        f"Answered by: {told.source}, since {told.reason}",
        f"The aggregation would read about {cost.documents:,} documents ({how}), up to {cost.groups:,} groups.",
        f"Refused: {told.refused}" if told.refused else f"It is stopped after {told.timeout_ms:,} ms.",
        msgspec.json.format(msgspec.json.encode(told.pipeline)).decode(),
    ]
    return Text("\n".join(lines))
