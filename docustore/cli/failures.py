"""What a person and a machine are told when a command fails."""

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
    """An error as it is shown: `type` is stable, `message` is one sentence with the next step."""

    type: str
    message: str
    cause: BaseException


def failure_of(error: BaseException) -> Failure:
    """Find the words for an error of any kind."""
    return Failure(type=type(error).__name__, message=_message(error), cause=error)


def report(failure: Failure, *, as_json: bool, debug: bool) -> None:
    """Print a failure: the sentence on stderr, its traceback with `debug`, one document with `as_json`."""
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
        # The drivers' own messages run over many lines and may quote an address with its password.
        case ConnectionFailure():
            return "MongoDB does not answer: check DOCUSTORE_MONGODB_URL; `docustore doctor` says more."
        case RedisConnectionError() | RedisTimeoutError():
            return "Valkey does not answer: check DOCUSTORE_REDIS_URL; `docustore doctor` says more."
        case _:
            # Not its text: nobody has checked that for secrets or personal data.
            return (
                f"unexpected {type(error).__name__}: run the command again with --debug and report what it shows."
            )
