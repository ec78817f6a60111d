"""The report of a failed command, for people and for machines."""

import sys
import traceback
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as shown: a stable `type` and a sentence with the next step."""

    type: str
    message: str
    cause: BaseException


def failure_of(error: BaseException) -> Failure:
    """Describe an error of any kind."""
    return Failure(type=type(error).__name__, message=_message(error), cause=error)


def report(failure: Failure, *, as_json: bool, debug: bool) -> None:
    """Print a failure: the sentence on stderr, and one document with `as_json`.

    `debug` adds the traceback.
    """
    if debug:
        traceback.print_exception(failure.cause)
    click.echo(f"Error: {failure.message}", err=True)
    if as_json:
        print_json({"error": {"type": failure.type, "message": failure.message}})
        sys.stdout.flush()


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
