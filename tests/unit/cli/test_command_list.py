"""`docustore --help` lists every command, and waits for the import of none."""

import subprocess
import sys

import click
import pytest

from docustore.cli.main import COMMANDS, docustore

LIST = "from docustore.cli.main import run; import sys; run(['--help']); print(sorted(sys.modules))"
WIDE = 200


@pytest.mark.parametrize("name", COMMANDS)
def test_list_shows_the_text_of_the_command(name: str) -> None:
    context = click.Context(docustore, terminal_width=WIDE, max_content_width=WIDE)
    assert isinstance(docustore, click.Group)
    command = docustore.get_command(context, name)
    assert command is not None

    shown = " ".join(docustore.get_help(context).split())

    assert f"{name} {command.get_short_help_str(WIDE)}" in shown


def test_list_imports_no_command() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True).stdout

    assert "doctor" in listed
    imported = {module for module in ("beanie", "pydantic", "litestar", "rich") if f"'{module}'" in listed}
    assert imported == set()
