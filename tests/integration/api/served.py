"""The API in a process of its own, as it runs in production."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from docustore.embedded.ports import free_port
from tests.conftest import Servers
from tests.forks import FORKS, ROOT, Fork
from tests.raw_http import connection

ADMIN_KEY = "admin-key-of-the-tests-with-more-than-32-characters"
KEY = ("authorization", f"Bearer {ADMIN_KEY}")
STOP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    port: int
    log_file: Path
    process: Fork

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    async def count(self, route: str, *, status: int, method: str = "POST") -> float:
        """Return how many requests the metrics of the process have counted."""
        labels = {"route": route, "method": method, "status": str(status)}
        async with connection(self.port) as opened:
            await opened.head("GET", "/metrics", [KEY])
            exposition = (await opened.answer()).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(exposition)
            for sample in family.samples
            if sample.name == "docustore_http_request_duration_seconds_count" and sample.labels == labels
        )


@asynccontextmanager
async def served(servers: Servers, folder: Path, *, database: str, **settings: str) -> AsyncIterator[Served]:
    """Run the API until the block ends.

    Args:
        settings: Variables of the environment without their prefix, in lower case.
    """
    port = free_port()
    given = {
        "mongodb_url": servers.mongodb_url,
        "redis_url": servers.redis_url,
        "mongodb_database": database,
        "data_dir": str(folder),
        "port": str(port),
        "admin_key": ADMIN_KEY,
        **settings,
    }
    environment = os.environ | {f"DOCUSTORE_{name.upper()}": value for name, value in given.items()}
    log_file = folder / "api.log"
    process = await FORKS.start(
        "docustore.api.server", environment=environment, folder=ROOT, stdout=log_file, stderr=log_file
    )
    api = Served(port=port, log_file=log_file, process=process)
    try:
        await _until_ready(api, process)
        yield api
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), STOP_S)


async def _until_ready(api: Served, process: Fork) -> None:
    async with asyncio.timeout(STOP_S):
        while process.returncode is None:
            with suppress(ConnectionError):
                async with connection(api.port) as opened:
                    await opened.head("GET", "/health/ready", [])
                    if (await opened.answer()).status == 200:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError(api.log)
