import asyncio
import errno
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from docustore.embedded.servers import SERVER_EVENTS
from docustore.embedded.supervised_program import SupervisedProgram, next_delay_s
from docustore.errors import EmbeddedServerError
from tests.alive import is_alive

ENDS_AT_ONCE = (sys.executable, "-S", "-c", "")
# A process that runs until the test ends it; the bound is for a test that cannot. Nothing waits for its sleep.
STAYS = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("previous_s", "uptime_s", "expected_s"),
    [(None, 0.0, 0.2), (0.2, 0.0, 0.4), (6.4, 1.0, 10.0), (10.0, 29.9, 10.0), (10.0, 30.0, 0.2)],
)
def test_restart_pauses_double_until_it_ran(previous_s: float | None, uptime_s: float, expected_s: float) -> None:
    assert next_delay_s(previous_s, uptime_s=uptime_s) == pytest.approx(expected_s)


class Starts:
    """A program whose starts have the given outcomes: an error or a command."""

    def __init__(self, *outcomes: Exception | tuple[str, ...]) -> None:
        self._outcomes: Iterator[Exception | tuple[str, ...]] = iter(outcomes)
        self.restarted: asyncio.Queue[int] = asyncio.Queue()
        self.program = SupervisedProgram(
            "fake",
            self._start,
            log_path=Path("fake.log"),
            events=SERVER_EVENTS,
            on_restart=lambda _name, pid: self.restarted.put_nowait(pid),
        )

    async def _start(self) -> Process:
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return await asyncio.create_subprocess_exec(*outcome, start_new_session=True)


async def test_restart_is_retried_whatever_fails() -> None:
    """A full disk is transient. A server that is not restarted stays down."""
    starts = Starts(ENDS_AT_ONCE, NO_SPACE, EmbeddedServerError("no"), STAYS)
    await starts.program.start()

    async with asyncio.timeout(60):
        pid = await starts.restarted.get()

    assert (starts.program.pid, starts.program.ends) == (pid, 3)
    await starts.program.stop()
    assert not is_alive(pid)


async def test_first_start_is_retried_without_resources() -> None:
    starts = Starts(NO_SPACE, STAYS)

    await starts.program.start()
    assert starts.program.pid is None
    async with asyncio.timeout(60):
        pid = await starts.restarted.get()

    assert is_alive(pid)
    await starts.program.stop()


async def test_first_start_reports_a_broken_server() -> None:
    starts = Starts(EmbeddedServerError("no binary"))

    with pytest.raises(EmbeddedServerError, match="no binary"):
        await starts.program.start()

    await starts.program.stop()


async def test_stopped_program_is_not_restarted() -> None:
    starts = Starts(STAYS)
    await starts.program.start()
    pid = starts.program.pid

    await starts.program.stop()

    assert not is_alive(pid)
    assert starts.restarted.empty()
    assert starts.program.ends == 0
