"""`docustore init`: write a configuration file that explains itself."""

import click

from docustore.cli.command import Invocation, sync_command
from docustore.cli.config_template import config_template
from docustore.cli.failures import DONE
from docustore.cli.output import print_json
from docustore.config_file import config_file
from docustore.errors import ConfigurationError


@sync_command("init", example="docustore init")
def init(invocation: Invocation) -> int:
    """Write a commented docustore.toml, with every setting and its default."""
    path = config_file()
    try:
        # Exclusive: a file that a person has written is never replaced.
        with path.open("x", encoding="utf-8") as file:
            file.write(config_template())
    except FileExistsError as exc:
        problem = "exists already; move it away first, or set DOCUSTORE_CONFIG to another path"
        raise ConfigurationError(setting=str(path), problem=problem) from exc
    except OSError as exc:
        raise ConfigurationError(setting=str(path), problem=f"cannot be written: {exc.strerror}") from exc
    if invocation.as_json:
        print_json({"path": str(path.resolve())})
    else:
        click.echo(f"Written: {path}. Next: docustore etl init FILE_OR_URL --write, or edit it; then docustore up")
    return DONE
