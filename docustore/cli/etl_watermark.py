"""`docustore etl watermark`: show or set where the next run of a source starts."""

from datetime import datetime

import click
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE
from docustore.cli.store import command_database
from docustore.cli.utc_time import UtcTime
from docustore.clock import now_utc
from docustore.etl.guards.watermark import read_watermark, set_watermark


@command("watermark", example="docustore etl watermark crm --set 2026-01-31T12:00:00Z")
@click.argument("source")
@click.option("--set", "wanted", type=UtcTime(), help="The next run reads the changes since this time.")
async def watermark(invocation: Invocation, *, source: str, wanted: datetime | None) -> int:
    """Show the time from which the next run of SOURCE reads, or set it."""
    async with command_database(invocation) as database:
        if wanted is not None:
            await set_watermark(database, source, wanted, actor=actor(), now=now_utc())
        found = await read_watermark(database, source)
    text = "none; the next run reads everything" if found is None else f"{found:%Y-%m-%d %H:%M:%S} UTC"
    invocation.show({"source": source, "watermark": found}, table=Text(f"{source}: {text}"))
    return DONE
