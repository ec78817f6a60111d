"""Processes of the service, run with the servers that this command found.

`workers` is started by name and not imported: it imports this package.
"""

import asyncio
import os
import sys

from docustore.cli.command import Invocation, run_in_loop
from docustore.config import Settings
from docustore.embedded.environment import child_environment
from docustore.embedded.processes import spawn, stop
from docustore.embedded.resolve import known_servers, reachable_servers
from docustore.embedded.service import Command


def become(invocation: Invocation, program: Command, settings: Settings) -> int:
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
