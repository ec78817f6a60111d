"""What every command has in common: `--json`, `--debug`, `--data-dir`, the event loop, signals, logging."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import RenderableType

from docustore.cli.interruption import CommandInterruptedError, Interruption
from docustore.cli.output import console, print_json
from docustore.config import Overrides, Settings, load_settings
from docustore.logs import configure_logging

ExitCode = int
# Both take the invocation first, then the command's own options by name.
CommandBody = Callable[..., Coroutine[Any, Any, ExitCode | None]]
SyncBody = Callable[..., ExitCode | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How a command was called."""

    as_json: bool
    debug: bool
    data_dir: Path | None
    interruption: Interruption

    def settings(self, **overrides: Overrides) -> Settings:
        """Read the settings, with what the command line says on top, and set up logging by them.

        Args:
            overrides: Settings by name; None leaves one as it is.

        Raises:
            ConfigurationError: A setting is unknown or does not fit.
        """
        settings = load_settings(data_dir=self.data_dir, **overrides)
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        return settings

    def show(self, document: Any, *, table: RenderableType) -> None:
        """Print a result: the one JSON document with `--json`, else the table."""
        if self.as_json:
            print_json(document)
        else:
            console().print(table)


def command(name: str, *, example: str) -> Callable[[CommandBody], click.Command]:
    """Make a command of an async function `(invocation, **options) -> exit code or None`.

    Put it above the command's own `click.option` decorators. The function runs under uvloop; Ctrl-C and SIGTERM
    cancel it (see `Interruption`). It raises what it cannot do: `docustore.cli.main` says it to the user.
    The first line of its docstring is the help text.
    """

    def decorate(body: CommandBody) -> click.Command:
        def run(invocation: Invocation, **options: Any) -> ExitCode | None:
            return run_in_loop(invocation, body(invocation, **options))

        return sync_command(name, example=example)(update_wrapper(run, body))

    return decorate


def sync_command(name: str, *, example: str) -> Callable[[SyncBody], click.Command]:
    """Make a command of a plain function, for what needs no event loop or brings its own; see `command`."""

    def decorate(body: SyncBody) -> click.Command:
        def call(*, as_json: bool, debug: bool, data_dir: Path | None, **options: Any) -> ExitCode | None:
            invocation = Invocation(as_json=as_json, debug=debug, data_dir=data_dir, interruption=Interruption())
            return body(invocation, **options)

        # Keeps the docstring and the options that `click.option` has put on the function.
        update_wrapper(call, body)
        return click.command(name, epilog=f"Example: {example}")(_with_common_options(call))

    return decorate


def _with_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON document on stdout; logs go to stderr."
        ),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            help="Folder of the embedded servers [DOCUSTORE_DATA_DIR, default .docustore].",
        ),
    ):
        function = option(function)
    return function


def run_in_loop(invocation: Invocation, work: Coroutine[Any, Any, ExitCode | None]) -> ExitCode | None:
    """Run a command's work under uvloop; Ctrl-C and SIGTERM cancel it."""
    return uvloop.run(_interruptible(invocation, work))


async def _interruptible(invocation: Invocation, work: Coroutine[Any, Any, ExitCode | None]) -> ExitCode | None:
    with invocation.interruption.listening():
        try:
            return await work
        except asyncio.CancelledError:
            if invocation.interruption.is_requested:
                raise CommandInterruptedError from None
            raise
