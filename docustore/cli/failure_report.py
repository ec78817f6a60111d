"""The report of a failed command, for people and for machines."""

import traceback
from pathlib import Path
from typing import Final

import click

from docustore.causes import cause_of
from docustore.cli.output import print_json
from docustore.errors import NotFoundError

_LISTED_BY: Final = {
    "API key": "keys list",
    "dead letter": "changes dead-letters",
    "destination": "outbox list",
    "effect": "changes effects",
    "gap": "changes gaps",
    "quarantined record": "quarantine list",
    "report": "analytics reports list",
    "rule": "quality rules",
    "run": "etl runs",
    "saved query": "analytics queries list",
    "session": "sessions list",
    "webhook": "webhooks list",
}

# The marks after which a sentence begins.
_ENDS: Final = (".", "?", "!")


def report(error: BaseException, *, as_json: bool, debug: bool, data_dir: Path | None = None) -> None:
    """Print a failure: a sentence on stderr, and one document with `as_json`.

    The document is `{"error": {"type", "message"}}`: `type` is stable, `message` names the next step. `debug` adds
    the traceback. A full disk of `data_dir` explains why a server does not answer.
    """
    if debug:
        traceback.print_exception(error)
    message = _message(error, data_dir)
    click.echo(f"Error: {message}", err=True)
    if as_json:
        print_json({"error": {"type": type(error).__name__, "message": message}})


def _message(error: BaseException, data_dir: Path | None) -> str:
    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx is not None else "docustore"
            said = error.format_message()
            return f"{said if said.endswith(_ENDS) else f'{said}.'} See `{command} --help`."
        case click.ClickException():
            return error.format_message()
        case NotFoundError() if error.kind in _LISTED_BY:
            return f"{error}; `docustore {_LISTED_BY[error.kind]}` lists what there is"
        case _:
            # The text of an unknown error is not shown: it may hold secrets or personal data.
            unknown = (
                f"unexpected {type(error).__name__}: run the command again with --debug and report its output"
            )
            return cause_of(error, data_dir=data_dir) or unknown
