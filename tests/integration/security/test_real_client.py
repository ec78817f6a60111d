"""The address of a client, as the real server of the API reports it."""

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE

import httpx2

from docustore.config import Settings
from docustore.database import Database
from docustore.embedded.ports import free_port
from docustore.embedded.service import api_command
from tests.integration.cli.docustore_command import addresses
from tests.waiting import until


async def refused_clients(settings: Settings, *, trusted: list[str]) -> list[str]:
    """Start the API, send a refused request with a forwarded address, return the logged clients."""
    port = free_port()
    environment = {
        **os.environ, **addresses(settings), "DOCUSTORE_PORT": str(port), "DOCUSTORE_LOG_FORMAT": "json",
        "DOCUSTORE_TRUSTED_PROXIES": json.dumps(trusted),
    }  # fmt: skip
    api = await asyncio.create_subprocess_exec(*api_command(), env=environment, stdout=DEVNULL, stderr=PIPE)
    async with httpx2.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:

        async def is_ready() -> bool:
            try:
                return (await client.get("/health/ready")).status_code == 200
            except httpx2.TransportError:
                return False

        try:
            await until(is_ready, what="API ready")
            await client.get("/users", headers={"x-forwarded-for": "198.51.100.1"})
        finally:
            api.terminate()
            _, logs = await api.communicate()
    entries = [json.loads(line) for line in logs.decode().splitlines() if line.startswith("{")]
    return [entry["client"] for entry in entries if entry["event"] == "auth.refused"]


async def test_forwarded_address_counts_only_from_a_trusted_peer(settings: Settings, database: Database) -> None:
    assert await refused_clients(settings, trusted=[]) == ["127.0.0.1"]
    assert await refused_clients(settings, trusted=["127.0.0.0/8"]) == ["198.51.100.1"]
