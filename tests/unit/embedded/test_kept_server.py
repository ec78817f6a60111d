import asyncio
import errno
import sys
from collections.abc import Iterator

from docustore.embedded.kept_server import KeptServer
from docustore.embedded.local_server import LocalServer
from docustore.embedded.ports import free_port
from docustore.errors import EmbeddedServerError

ENDS_AT_ONCE = (sys.executable, "-S", "-c", "")
# A process that is there until the test ends it, and not for ever if the test cannot; nothing waits for its sleep.
STAYS = (sys.executable, "-S", "-c", "import time; time.sleep(600)")


async def test_restart_is_tried_again_whatever_fails() -> None:
    """A full disk passes; a server that nobody starts again does not come back by itself."""
    outcomes: Iterator[Exception | tuple[str, ...]] = iter(
        [ENDS_AT_ONCE, OSError(errno.ENOSPC, "No space left on device"), EmbeddedServerError("no"), STAYS]
    )
    port = free_port()
    restarted = asyncio.Event()

    async def start(_: int | None) -> LocalServer:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return LocalServer(name="fake", port=port, process=await asyncio.create_subprocess_exec(*outcome))

    kept = KeptServer(start, on_restart=lambda _name, _pid: restarted.set())
    await kept.start(None)

    async with asyncio.timeout(60):
        await restarted.wait()

    await kept.stop(hurry=None)
