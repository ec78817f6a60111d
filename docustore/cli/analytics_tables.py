"""Reports of analytics on a terminal, whole at 80 columns. Pure.

JSON and CSV have every column under its full name.
"""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.analytics.cube.tables import Cell, text_of
from docustore.analytics.cube.tables import Table as Rows
from docustore.cli.tables import list_table

# They follow from the other columns: a bucket ends where the next one starts, and a star marks what is unfinished.
_LEFT_OUT: Final = frozenset({"end", "offset", "is_unfinished"})
# Texts of users, as long as they like.
_TEXTS: Final = frozenset({"dimension", "value"})
_STAR_NOTE: Final = "* The month has not ended; its figures may still fall."


def report_table(report: Rows) -> RenderableType:
    """Lay out a report; columns without a value in any row are left out."""
    cells = {name: [row[number] for row in report.rows] for number, name in enumerate(report.columns)}
    shown = {
        name: _texts(column)
        for name, column in cells.items()
        if name not in _LEFT_OUT and (not column or any(cell is not None for cell in column))
    }
    unfinished = cells.get("is_unfinished", [])
    if any(unfinished):
        shown["month"] = [
            f"{month}{'*' * bool(is_so)}" for month, is_so in zip(shown["month"], unfinished, strict=True)
        ]
    table = _headed(shown, cells)
    for row in zip(*shown.values(), strict=True):
        table.add_row(*map(Text, row))
    return Group(table, Text(_STAR_NOTE, style="dim")) if any(unfinished) else table


def _headed(shown: dict[str, list[str]], cells: dict[str, list[Cell]]) -> Table:
    table = list_table()
    for name in shown:
        may_wrap = name in _TEXTS or any(isinstance(cell, datetime) for cell in cells[name])
        table.add_column(name.replace("_", "\n"), no_wrap=not may_wrap, overflow="fold")
    return table


def _texts(column: Sequence[Cell]) -> list[str]:
    times = [cell for cell in column if isinstance(cell, datetime)]
    has_clock = any(cell.time() != time() for cell in times)
    return [_moment(cell, has_clock=has_clock) if isinstance(cell, datetime) else text_of(cell) for cell in column]


def _moment(at: datetime, *, has_clock: bool) -> str:
    # With the distance from UTC: the clocks may repeat an hour.
    return at.isoformat(sep=" ", timespec="minutes") if has_clock else f"{at:%Y-%m-%d}"
