"""`docustore api`, `worker` and `listener`: one process each, for production.

`workers` is started by name and not imported: it imports this package.
"""

import asyncio
import os
import sys

import click

from docustore.cli.command import Invocation, run_in_loop, sync_command
from docustore.cli.output import print_json
from docustore.config import Settings
from docustore.embedded.environment import child_environment
from docustore.embedded.ports import settled_port
from docustore.embedded.processes import spawn, stop
from docustore.embedded.resolve import known_servers, reachable_servers
from docustore.embedded.service import (
    API,
    LISTENER,
    WORKER,
    Command,
    api_command,
    listener_command,
    worker_command,
)
from docustore.security.admin_key import require_strong_admin_key


@sync_command("api", example="docustore api --host 0.0.0.0 --port 8000")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 = any free one. [DOCUSTORE_PORT]"
)
@click.option("--host", help="Address to listen on. [DOCUSTORE_HOST]")
def api(invocation: Invocation, *, port: int | None, host: str | None) -> int:
    """Serve the REST API."""
    settings = invocation.settings(port=port, host=host)
    require_strong_admin_key(settings)
    free = settled_port(settings.port, host=settings.host)
    return _run(invocation, API, api_command(), settings.model_copy(update={"port": free}))


@sync_command("worker", example="docustore worker")
def worker(invocation: Invocation) -> int:
    """Work the queue and the schedule, as `arq workers.settings.WorkerSettings`."""
    return _run(invocation, WORKER, worker_command(), invocation.settings())


@sync_command("listener", example="docustore listener")
def listener(invocation: Invocation) -> int:
    """Apply the effects of every user change, as `python -m workers.listener`."""
    return _run(invocation, LISTENER, listener_command(), invocation.settings())


def _run(invocation: Invocation, name: str, program: Command, settings: Settings) -> int:
    if invocation.as_json:
        # A process that runs until a signal has no other result.
        print_json({"process": name, "pid": os.getpid()})
    return _become(invocation, program, settings)


def _become(invocation: Invocation, program: Command, settings: Settings) -> int:
    """Replace this process by the program, or stay beside embedded servers.

    Replaced, because in production the process manager's signals and the exit code belong to the program.

    Returns:
        The program's exit code, when this process had to stay.
    """
    if (known := known_servers(settings)) is not None:
        sys.stdout.flush()
        os.execve(program[0], program, child_environment(known))  # noqa: S606  # one of our own programs
    return run_in_loop(invocation, _run_beside_own_servers(invocation, program, settings)) or 0


async def _run_beside_own_servers(invocation: Invocation, program: Command, settings: Settings) -> int:
    hurry = invocation.interruption.hurry
    async with reachable_servers(settings, hurry=hurry) as located:
        process = await spawn(program, log_path=None, environment=child_environment(located))
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await stop(process, hurry=hurry)
            if not invocation.interruption.is_requested:
                raise
            return process.returncode or 0
