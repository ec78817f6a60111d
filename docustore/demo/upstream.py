"""The upstream system of the demonstration: a process that serves a directory.

    python -m docustore.demo.upstream --port 9000 --users 10000 [--data FILE]

Prints one line of JSON, `{"url"}`. The service is ready when `GET url` answers; SIGTERM or Ctrl-C stops it.
"""

import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from litestar import Litestar

from docustore.clock import now_utc
from docustore.demo.changes import Evolution
from docustore.demo.directory import Directory
from docustore.demo.file_records import read_records
from docustore.demo.records import make_records
from docustore.demo.upstream_app import UpstreamState, create_upstream
from docustore.embedded.launcher import end_with_parent
from docustore.embedded.ports import LOOPBACK, free_port

DEFAULT_SEED: Final = 1
# More than a hundred advances of the default size.
MAX_NEWCOMERS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """Content of the service; `data` replaces the generated users."""

    port: int
    users: int
    data: Path | None
    seed: int = DEFAULT_SEED
    is_steady: bool = False


def evolution_of(options: UpstreamOptions, *, now: datetime) -> tuple[Evolution, int]:
    """Build the directory with its future changes.

    Returns:
        The evolution, and the number of lines of the file that are not records.
    """
    if options.data is not None:
        read = read_records(options.data, now=now)
        return Evolution(Directory(read.first), newcomers=read.newcomers, seed=options.seed), read.skipped
    until = now.replace(hour=0, minute=0, second=0, microsecond=0)
    users = make_records(options.users, seed=options.seed, until=until)
    newcomers = make_records(MAX_NEWCOMERS, seed=options.seed, until=until, first=options.users)
    return Evolution(Directory(users), newcomers=newcomers, seed=options.seed), 0


def load_app(server_pid: int, options: UpstreamOptions) -> Litestar:
    """Create the application in the worker process, which ends with the server."""
    end_with_parent(server_pid, signal.SIGKILL)
    evolution, skipped = evolution_of(options, now=now_utc())
    state = UpstreamState(evolution=evolution, skipped=skipped)
    if options.is_steady:
        state.faults = {}
    return create_upstream(state)


def serve(options: UpstreamOptions) -> None:
    """Serve until a signal arrives."""
    port = options.port or free_port()
    sys.stdout.write(json.dumps({"url": f"http://{LOOPBACK}:{port}"}) + "\n")
    sys.stdout.flush()
    # One worker: the directory lives in its memory.
    server = Granian(
        "docustore.demo.upstream_app:create_upstream",
        address=LOOPBACK,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=partial(load_app, os.getpid(), options), wrap_loader=False)


@click.command(epilog="Example: python -m docustore.demo.upstream --port 9000 --users 10000")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port to listen on; 0 = any free one.")
@click.option(
    "--users", type=click.IntRange(0), default=10_000, show_default=True, help="Number of generated users."
)
@click.option(
    "--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Use the records of a file."
)
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Seed of the generated users.")
@click.option("--steady", "is_steady", is_flag=True, help="Never answer 503 or 429.")
def main(**options: Any) -> None:
    """Serve a user directory that changes at each POST /advance."""
    serve(UpstreamOptions(**options))


if __name__ == "__main__":
    main()
