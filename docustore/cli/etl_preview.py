"""`docustore etl preview`: the first records as they would be stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.etl_source import given_source
from docustore.cli.failures import DONE
from docustore.etl.preview import PreviewedRecord, preview


@command("preview", example="docustore etl preview hr --limit 5")
@click.argument("source")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Records to show.")
@click.option(
    "--required", multiple=True, help="Field that a record must have; repeatable. [SOURCE given by address]"
)
async def preview_command(invocation: Invocation, *, source: str, limit: int, required: tuple[str, ...]) -> int:
    """Show the first records of SOURCE: raw, mapped, and what is wrong."""
    settings = invocation.settings()
    name, source_settings, _ = given_source(settings, source, required=required)
    found = await preview(name, source_settings, settings, limit=limit)
    document = {"source": name, "records": [asdict(record) for record in found]}
    invocation.show(document, table=_tables(name, found))
    return DONE


def _tables(name: str, records: Sequence[PreviewedRecord]) -> RenderableType:
    parts: list[RenderableType] = []
    for record in records:
        parts += [_table(record), Text()]
    bad = sum(bool(record.errors) for record in records)
    parts.append(Text(f"{name}: {len(records)} records, {bad} would be quarantined. Nothing was written."))
    return Group(*parts)


def _table(record: PreviewedRecord) -> Table:
    title = f"Record {record.number}" + (f": {record.key}" if record.key else "")
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("raw", Text(record.raw.strip()))
    for path, value in _leaves(record.mapped or {}):
        table.add_row(path, Text(value))
    if record.is_tombstone:
        table.add_row("deleted", "the identity ends")
    for error in record.errors:
        table.add_row("error", Text(f"{error.pointer or '/'} {error.code}: {error.detail}", style="red"))
    for warning in record.warnings:
        table.add_row("warning", Text(warning, style="yellow"))
    if record.unread:
        table.add_row("unread", Text(", ".join(record.unread), style="yellow"))
    return table


def _leaves(values: Mapping[str, Any], *path: str) -> Iterator[tuple[str, str]]:
    """List the given values; empty ones and defaults of preferences only take space."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            if name != "preferences":
                yield from _leaves(value, *path, name)
        elif value not in (None, "", []):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield ".".join((*path, name)), text
