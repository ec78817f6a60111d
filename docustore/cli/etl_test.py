"""`docustore etl test`: try a source before its first run."""

from collections.abc import Sequence

import click
import msgspec
from rich.console import RenderableType
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.tables import list_table
from docustore.etl.probe import ProbeStep, probe_source
from docustore.etl.schedule import known_source


@command("test", example="docustore etl test crm")
@click.argument("source")
async def test(invocation: Invocation, *, source: str) -> int:
    """Try SOURCE: reach it, read its first page, parse the records; write nothing."""
    settings = invocation.settings()
    steps = await probe_source(source, known_source(settings.sources, source), settings)
    invocation.show([msgspec.structs.asdict(step) for step in steps], table=_table(steps))
    return DONE if all(step.is_ok for step in steps) else FAILED


def _table(steps: Sequence[ProbeStep]) -> RenderableType:
    table = list_table()
    for heading in ("", "step", "found", "next step"):
        table.add_column(heading, overflow="fold")
    for step in steps:
        status = Text("ok", style="green") if step.is_ok else Text("failed", style="bold red")
        table.add_row(status, step.step, step.found, step.next_step)
    return table
