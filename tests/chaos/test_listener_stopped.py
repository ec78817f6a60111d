"""A listener that gets SIGTERM while its MongoDB hangs."""

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import connect
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes
from tests.chaos.programs import LISTENER, program

pytestmark = [pytest.mark.chaos]
# The grace period of the listener, plus the time a busy machine needs to start a signal handler.
END_S = 60.0


async def test_stop_does_not_wait_for_a_server_that_hangs(tmp_path: Path) -> None:
    """A database that hangs must not delay a deploy.

    The lease expires by itself.
    """
    async with embedded_servers(tmp_path / "servers") as own:
        settings = Settings(
            mongodb_url=own.mongodb_url, redis_url=own.redis_url, mongodb_database=f"test_{uuid4().hex[:12]}"
        )
        async with connect(settings, app_name="docustore-tests") as database:
            await apply_indexes(database)
            async with program(*LISTENER, settings=settings, log=tmp_path / "log") as listener:
                await wait_until_applied(database)
                os.kill(own.mongod_pid, signal.SIGSTOP)
                try:
                    started = time.monotonic()
                    exit_code = await listener.stop()
                finally:
                    os.kill(own.mongod_pid, signal.SIGCONT)

    assert time.monotonic() - started < END_S, listener.output
    assert (exit_code, "listener.cut_off" in listener.output) == (1, True), listener.output
