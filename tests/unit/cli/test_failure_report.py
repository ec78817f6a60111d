import click
import pytest

from docustore.cli.failure_report import _LISTED_BY, report
from docustore.cli.main import docustore
from docustore.errors import NotFoundError


@pytest.mark.parametrize(("kind", "command"), _LISTED_BY.items())
def test_missing_object_names_the_command_that_lists(
    kind: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report(NotFoundError(kind=kind, id="ID"), as_json=False, debug=False)

    assert capsys.readouterr().err == f"Error: no {kind} ID; `docustore {command}` lists what there is\n"
    assert is_command(command.split())


def is_command(words: list[str]) -> bool:
    found: click.Command | None = docustore
    for word in words:
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), word)
    return found is not None
