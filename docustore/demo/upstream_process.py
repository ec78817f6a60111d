"""The upstream directory as a child process of the demonstration."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from docustore.embedded.processes import spawn, stop
from docustore.errors import DemoError

# Generating a hundred thousand people takes about ten seconds on a busy machine.
READY_TIMEOUT_S: Final = 120.0
POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A directory that answers; `records` is the current number of records."""

    url: str
    records: int


@asynccontextmanager
async def running_upstream(*, users: int, data: Path | None) -> AsyncIterator[Upstream]:
    """Run the directory for the length of the block.

    Args:
        users: Number of generated people; unused with `data`.
        data: File of records.

    Raises:
        DemoError: It does not start.
    """
    origin = ("--users", str(users)) if data is None else ("--data", str(data))
    command = (sys.executable, "-m", "docustore.demo.upstream", "--port", "0", *origin)
    process = await spawn(command, log_path=None, stdout=PIPE)
    try:
        line = b"" if process.stdout is None else await process.stdout.readline()
        if not line:
            raise DemoError("the upstream directory did not start: see the reason above")
        url = str(json.loads(line)["url"])
        yield Upstream(url=url, records=await _records(url))
    finally:
        await stop(process)


async def _records(url: str) -> int:
    deadline = time.monotonic() + READY_TIMEOUT_S
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
        while True:
            try:
                return int((await client.get(url)).json()["records"])
            except httpx2.TransportError:
                if time.monotonic() > deadline:
                    raise DemoError(f"the upstream directory was not ready within {READY_TIMEOUT_S:g} s") from None
                await asyncio.sleep(POLL_S)
