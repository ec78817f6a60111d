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
    assert named(*command.split())


def named(group: str, name: str) -> bool:
    """Tell whether the command exists."""
    context = click.Context(docustore)
    found = docustore.get_command(context, group)
    return isinstance(found, click.Group) and found.get_command(context, name) is not None
