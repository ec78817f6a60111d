"""Reports as tables: CSV that spreadsheets can open, and terminal tables. Pure."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from docustore.exports.cells import to_cell

Cell = str | int | float | bool | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a report."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def csv_of(table: Table) -> str:
    """Write a table as CSV (RFC 4180); texts are harmless for spreadsheets."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows([text_of(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def text_of(cell: Cell) -> str:
    """Return a cell as text; an absent value is empty."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat()
    return to_cell(cell) if isinstance(cell, str) else str(cell)
