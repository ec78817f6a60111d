"""`make bench`: run all benchmarks, print a table and write the results.

The results are written to `benchmarks/latest.json`.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import etl, exports, feed, figures, listener, partitions, reading
from benchmarks.row import BenchRow
from benchmarks.suite import run_suite

RESULT: Final = Path(__file__).with_name("latest.json")
SUITES: Final = (etl, listener, partitions, feed, reading, figures, exports)


def main() -> None:
    """Run all suites, one after another, because they would share the processor.

    Each suite has its own process and servers. Memory and pending writes of one suite must not slow the next one.
    """
    rows: list[BenchRow] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as process:
        for suite in SUITES:
            Console(stderr=True).print(f"{suite.__name__} ...", style="dim")
            rows += process.submit(run_suite, suite.run).result()
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
    main()
