"""The looks of the tables that commands print."""

from collections.abc import Mapping

from rich.table import Table


def list_table(*columns: str) -> Table:
    """Make a table without a frame, with a bold head: one row for each entry."""
    return Table(*columns, box=None, header_style="bold")


def facts_table(facts: Mapping[str, str]) -> Table:
    """Lay out names and values: one row for each fact."""
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, value)
    return table
