"""The `docustore` command: finds a command, runs it, and returns an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Final

import click

from docustore.cli.failures import FAILED, USAGE, report
from docustore.cli.interruption import CommandInterruptedError
from docustore.cli.summaries import help_text

# A new command is one line: its name, its module and its name in the module.
COMMANDS: Final = {
    "demo": "docustore.cli.demo:demo",
    "init": "docustore.cli.init:init",
    "up": "docustore.cli.up:up",
    "api": "docustore.cli.processes:api",
    "worker": "docustore.cli.processes:worker",
    "listener": "docustore.cli.processes:listener",
    "etl": "docustore.cli.etl:etl",
    "alerts": "docustore.cli.alerts:alerts",
    "quarantine": "docustore.cli.quarantine:quarantine",
    "changes": "docustore.cli.changes:changes",
    "analytics": "docustore.cli.analytics:analytics",
    "quality": "docustore.cli.quality:quality",
    "history": "docustore.cli.history:history",
    "audit": "docustore.cli.audit:audit",
    "webhooks": "docustore.cli.webhooks:webhooks",
    "outbox": "docustore.cli.outbox:outbox",
    "export": "docustore.cli.export:export",
    "import": "docustore.cli.import_users:import_command",
    "indexes": "docustore.cli.indexes:indexes",
    "login": "docustore.cli.login:login",
    "migrate": "docustore.cli.migrate:migrate",
    "keys": "docustore.cli.keys:keys",
    "sessions": "docustore.cli.sessions:sessions",
    "limits": "docustore.cli.limits:limits",
    "doctor": "docustore.cli.doctor:doctor",
}
# Click's own margins around the name of a command.
_MARGINS: Final = 6


class LazyCommands(click.Group):
    """A group that imports the module of a command on demand.

    So `docustore worker` does not wait for the imports of all other commands, and `docustore --help` for none.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a new user needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None when the name is unknown."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands with one line each."""
        longest = max(map(len, self.list_commands(ctx)))
        limit = formatter.width - longest - _MARGINS
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(ctx, name, limit)) for name in self.list_commands(ctx)])

    def _summary(self, ctx: click.Context, name: str, limit: int) -> str:
        module, _, attribute = COMMANDS[name].partition(":")
        if (text := help_text(module, attribute)) is not None:
            return click.Command(name, help=text).get_short_help_str(limit)
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(limit)


@click.group(
    cls=LazyCommands, epilog="Example: docustore up", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="docustore", message="%(version)s")
def docustore() -> None:
    """Keep users in MongoDB: hourly ETL, REST API, exactly-once effects of changes.

    Exit codes: 0 done, 1 failed, 2 wrong usage or drift.
    """


def run(arguments: Sequence[str], *, program: click.Command = docustore, name: str = "docustore") -> int:
    """Run one command line and return its exit code. All errors end here.

    An error is one sentence on stderr that names the next step. With `--json` it is also one document on stdout.
    """
    as_json, debug = "--json" in arguments, "--debug" in arguments
    try:
        outcome = program.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return USAGE
    except click.UsageError as exc:
        report(exc, as_json=as_json, debug=debug)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        report(CommandInterruptedError(), as_json=as_json, debug=debug)
        return FAILED
    except Exception as exc:  # noqa: BLE001  # the outermost frame: nothing above it can report the error
        report(exc, as_json=as_json, debug=debug, data_dir=_data_dir(arguments))
        return FAILED
    return outcome if isinstance(outcome, int) else 0


def _data_dir(arguments: Sequence[str]) -> Path:
    """Find the data folder of a command line that was not read to its end."""
    given = [
        value if name == "--data-dir" else name.partition("=")[2]
        for name, value in pairwise([*arguments, ""])
        if name == "--data-dir" or name.startswith("--data-dir=")
    ]
    return Path(given[-1] if given else os.environ.get("DOCUSTORE_DATA_DIR", ".docustore"))


def main() -> None:
    """Run the command line of this process, and exit."""
    sys.exit(run(sys.argv[1:]))
