"""Every alert tells what to do."""

import re
import shlex

import click
import pytest

from docustore.cli.main import docustore
from docustore.etl.incidents import DESTINATION_KINDS, SOURCE_KINDS, IncidentKind
from docustore.etl.next_steps import next_step_of


@pytest.mark.parametrize("kind", sorted(SOURCE_KINDS | DESTINATION_KINDS))
def test_step_names_commands_that_exist(kind: IncidentKind) -> None:
    step = next_step_of(kind, "crm", {"run_id": "6b03"})

    assert step is not None
    commands = re.findall(r"`docustore ([^`]*)`", step)
    assert commands
    for command in commands:
        parse(shlex.split(command))


def parse(words: list[str]) -> None:
    """Parse the words of a command line, and run nothing."""
    command: click.Command = docustore
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context)
    command.parse_args(context, words)


def test_kind_of_the_quality_names_its_own_step() -> None:
    assert next_step_of(IncidentKind.RULE_FAILED, "email_valid", {}) is None
