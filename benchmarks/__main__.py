"""`make bench`: run every benchmark on servers of its own, print a table, write `benchmarks/latest.json`."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import etl, listener, reading
from benchmarks.row import BenchRow
from docustore.collector import relax_collector
from docustore.config import Settings
from docustore.embedded.servers import embedded_servers

RESULT: Final = Path(__file__).with_name("latest.json")
SUITES: Final = (etl, listener, reading)


async def main() -> None:
    """Run all suites one after another, since they would take each other's processor, each on new servers.

    What one suite leaves in a server's cache and journal is written out while the next one is measured.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    relax_collector()
    rows: list[BenchRow] = []
    for suite in SUITES:
        Console(stderr=True).print(f"{suite.__name__} ...", style="dim")
        with TemporaryDirectory() as folder:
            async with embedded_servers(Path(folder)) as servers:
                settings = Settings(mongodb_url=servers.mongodb_url, redis_url=servers.redis_url)
                rows += await suite.run(settings)
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    Console(width=110).print(_table(rows))


def _table(rows: list[BenchRow]) -> Table:
    table = Table("work", title="Benchmarks", title_justify="left")
    for name in ("value", "floor", "of floor", "peer", "times peer"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = (row.floor, row.ratio_to_floor, row.peer, row.ratio_to_peer)
        table.add_row(
            row.name, f"{row.value:,.4g} {row.unit}", *("" if cell is None else f"{cell:,.4g}" for cell in cells)
        )
    return table


if __name__ == "__main__":
    uvloop.run(main())
