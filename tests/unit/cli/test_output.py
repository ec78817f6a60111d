"""What commands print."""

import pytest
from rich.table import Table

from docustore.cli.output import console


def test_values_of_users_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Any client writes them: a stray tag ended the command, a good one vanished."""
    table = Table("value", box=None)
    for value in ("[/b]", "[red]a[/red]", ":heart:"):
        table.add_row(value)

    console().print(table)

    assert capsys.readouterr().out.split() == ["value", "[/b]", "[red]a[/red]", ":heart:"]
