"""Other programs of the project, run with the servers that this command found.

They are started by name, not imported: `workers` and `indexes` import this package, never the other way round.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

from docustore.cli.command import Invocation, run_in_loop
from docustore.config import Settings
from docustore.embedded.environment import child_environment
from docustore.embedded.processes import spawn, stop
from docustore.embedded.resolve import known_servers, reachable_servers


def become(invocation: Invocation, program: tuple[str, ...], settings: Settings) -> int:
    """Replace this process by the program; where servers of its own must be started, stay and keep them.

    Replaced, because in production a process manager's signals and the exit code are the program's own affair.

    Returns:
        The program's exit code, where this process had to stay.
    """
    if (known := known_servers(settings)) is not None:
        sys.stdout.flush()
        os.execve(program[0], program, child_environment(known))  # noqa: S606  # one of our own programs
    return run_in_loop(invocation, _run_beside_own_servers(invocation, program, settings)) or 0


async def output_of(program: Sequence[str], settings: Settings) -> tuple[int, bytes]:
    """Run a program to its end; its stderr goes to ours.

    Returns:
        Its exit code, and what it printed on stdout.
    """
    process = await spawn(program, log_path=None, environment=child_environment(settings), stdout=PIPE)
    try:
        output, _ = await process.communicate()
    finally:
        await stop(process)
    return process.returncode or 0, output


async def _run_beside_own_servers(invocation: Invocation, program: Sequence[str], settings: Settings) -> int:
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
