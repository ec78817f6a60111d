"""The frame of every command: options, event loop, signals, settings, output."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import RenderableType

from docustore.cli.interruption import CommandInterruptedError, Interruption
from docustore.cli.output import console, print_json
from docustore.config import Settings
from docustore.config_loading import Overrides, load_settings
from docustore.embedded.resolve import reachable_servers
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
        """Read the settings, apply the command line's overrides, and configure logging.

        Args:
            overrides: Settings by name; None changes nothing.

        Raises:
            ConfigurationError: A setting is unknown or malformed.
        """
        settings = load_settings(data_dir=self.data_dir, **overrides)
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        return settings

    def servers(self) -> AbstractAsyncContextManager[Settings]:
        """Find or start the servers for the length of a block; see `reachable_servers`."""
        return reachable_servers(self.settings(), hurry=self.interruption.hurry)

    def show(self, document: Any, *, table: RenderableType) -> None:
        """Print a result: one JSON document with `--json`, otherwise the table."""
        if self.as_json:
            print_json(document)
        else:
            # A line that people copy, such as a cursor, is longer than a narrow terminal and must not be cut.
            console().print(table, crop=False)


def command(name: str, *, example: str) -> Callable[[CommandBody], click.Command]:
    """Make a command of an async function.

    The function has the shape `(invocation, **options) -> exit code or None`. Put it above the `click.option`
    decorators of the command. The function runs under uvloop; Ctrl-C and SIGTERM cancel it (see `Interruption`).
    Its errors are printed by `docustore.cli.main`. The first line of its docstring is the help text.
    """

    def decorate(body: CommandBody) -> click.Command:
        def run(invocation: Invocation, **options: Any) -> ExitCode | None:
            return run_in_loop(invocation, body(invocation, **options))

        return sync_command(name, example=example)(update_wrapper(run, body))

    return decorate


def sync_command(name: str, *, example: str) -> Callable[[SyncBody], click.Command]:
    """Make a command of a function that needs no event loop; see `command`."""

    def decorate(body: SyncBody) -> click.Command:
        def call(*, as_json: bool, debug: bool, data_dir: Path | None, **options: Any) -> ExitCode | None:
            invocation = Invocation(as_json=as_json, debug=debug, data_dir=data_dir, interruption=Interruption())
            return body(invocation, **options)

        # Keeps the docstring, and the options that `click.option` attached to the function.
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


def show_passwords_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that prints the URLs of the servers with passwords."""
    return click.option(
        "--show-passwords", is_flag=True, help="Print the URLs of the servers with their passwords."
    )(function)


def run_in_loop(invocation: Invocation, work: Coroutine[Any, Any, ExitCode | None]) -> ExitCode | None:
    """Run the work of a command under uvloop; Ctrl-C and SIGTERM cancel it."""
    return uvloop.run(_interruptible(invocation, work))


async def _interruptible(invocation: Invocation, work: Coroutine[Any, Any, ExitCode | None]) -> ExitCode | None:
    with invocation.interruption.listening():
        try:
            return await work
        except asyncio.CancelledError:
            if invocation.interruption.is_requested:
                raise CommandInterruptedError from None
            raise
