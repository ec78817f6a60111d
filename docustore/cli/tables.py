"""The looks of the tables that commands print."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text


def list_table(*columns: str) -> Table:
    """Make a table without a frame, with a bold head: one row for each entry.

    The first column is never cut on a narrow terminal: it is the name or id that other commands take.
    """
    table = Table(box=None, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    return table


def facts_table(facts: Mapping[str, str]) -> Table:
    """Lay out names and values: one row for each fact."""
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def next_page_line(cursor: str) -> Text:
    """Tell how the next page is read, on one line: people copy it."""
    return Text(f"More: --cursor {cursor}", no_wrap=True, overflow="ignore")
