"""Check of the API's port: free, or in use by this service."""

from typing import Final

import httpx2

from docustore.cli.checks.finding import Finding, failed, ok
from docustore.config import Settings
from docustore.embedded.endpoints_file import read_endpoints
from docustore.embedded.ports import LOOPBACK, is_free

TIMEOUT_S: Final = 2.0
# A server that listens on every address is asked through the loopback interface.
EVERY_ADDRESS: Final = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  # nothing is bound here


async def port_finding(settings: Settings) -> Finding:
    """Check that the API can listen on its port, or does so."""
    if settings.port == 0:
        return ok("port", "any free one")
    host = EVERY_ADDRESS.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    if await _is_docustore(url):
        endpoints = read_endpoints(settings.data_dir)
        whose = "this data folder" if endpoints is not None else "another start"
        return ok("port", f"{settings.port} answers as docustore, of {whose}")
    if is_free(settings.port, host=settings.host):
        return ok("port", f"{settings.port} is free")
    return failed(
        "port",
        f"{settings.port} on {settings.host} is taken by another program, or may not be used",
        next_step="stop that program, or set DOCUSTORE_PORT to another port, or to 0 for any free one",
    )


async def _is_docustore(url: str) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
            response = await client.get(f"{url}/health/live")
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False
    return response.is_success and response.headers.get("content-type", "").startswith("application/json")
