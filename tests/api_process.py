"""One process of the API, as it runs in production, on a port of its own."""

from contextlib import AsyncExitStack
from pathlib import Path

from docustore.config import Settings
from docustore.embedded.ports import LOOPBACK, free_port
from tests.chaos.programs import Program, program
from tests.chaos.raw_client import RawClient
from tests.waiting import until


class ApiProcess:
    """One process of the API that keeps its port over kills and restarts."""

    def __init__(self, settings: Settings, log: Path, programs: AsyncExitStack) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._settings = settings
        self._log = log
        self._programs = programs
        self._running: Program | None = None

    @property
    def pid(self) -> int:
        """The process id of the server, which is the parent of the worker."""
        assert self._running is not None
        return self._running.pid

    @property
    def output(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace")

    async def start(self) -> None:
        """Start the process; return when it answers."""
        port = {"DOCUSTORE_PORT": str(self.port)}
        serving = program("-m", "docustore.api.server", settings=self._settings, log=self._log, extra=port)
        self._running = await self._programs.enter_async_context(serving)
        client = RawClient(self.port, {})
        await until(lambda: self._is_live(client), what="an API that answers")
        client.close()

    async def kill(self) -> None:
        """Send SIGKILL."""
        assert self._running is not None
        await self._running.kill()

    async def _is_live(self, client: RawClient) -> bool:
        assert self._running is not None
        assert self._running.is_running, self._running.output
        try:
            return (await client.request("GET", "/health/live")).is_success
        except OSError:
            return False
