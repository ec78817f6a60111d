"""The report of a failed command, for people and for machines."""

import traceback
from typing import Final

import click
from pymongo.errors import ConnectionFailure
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from docustore.cli.output import print_json
from docustore.errors import DocustoreError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
DRIFT: Final = 2


def report(error: BaseException, *, as_json: bool, debug: bool) -> None:
    """Print a failure: a sentence on stderr, and one document with `as_json`.

    The document is `{"error": {"type", "message"}}`: `type` is stable, `message` names the next step. `debug` adds
    the traceback.
    """
    if debug:
        traceback.print_exception(error)
    message = _message(error)
    click.echo(f"Error: {message}", err=True)
    if as_json:
        print_json({"error": {"type": type(error).__name__, "message": message}})


def _message(error: BaseException) -> str:
    match error:
        case DocustoreError():
            return str(error)
        case click.UsageError():
            command = error.ctx.command_path if error.ctx is not None else "docustore"
            return f"{error.format_message()} See `{command} --help`."
        case click.ClickException():
            return error.format_message()
        # The drivers' own messages have many lines, and may quote an address with its password.
        case ConnectionFailure():
            return "MongoDB does not answer: check DOCUSTORE_MONGODB_URL; `docustore doctor` says more."
        case RedisConnectionError() | RedisTimeoutError():
            return "Valkey does not answer: check DOCUSTORE_REDIS_URL; `docustore doctor` says more."
        case _:
            # Its text is not shown: it may hold secrets or personal data.
            return f"unexpected {type(error).__name__}: run the command again with --debug and report its output."
