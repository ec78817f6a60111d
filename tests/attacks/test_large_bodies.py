"""Bodies that are too large or too deep, on the real server."""

import json
from collections.abc import AsyncIterator

import psutil
import pytest
from httpx2 import AsyncClient, TransportError

from tests.api_process import ApiProcess

MEGABYTE = b"x" * 1_000_000
JSON = {"content-type": "application/json"}


async def megabytes(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield MEGABYTE


async def test_hundred_megabytes_are_not_read(process: ApiProcess, writer: AsyncClient) -> None:
    """The body has no length, so only reading shows its size."""
    server = psutil.Process(process.pid)
    workers = server.children(recursive=True)
    before = sum(worker.memory_info().rss for worker in workers)

    try:
        response = await writer.post("/users", content=megabytes(100), headers=JSON)
        assert response.status_code == 413
    except TransportError:
        pass  # the server may close the connection while the client still sends

    assert (await writer.get("/users")).status_code == 200
    grown = sum(worker.memory_info().rss for worker in workers) - before
    assert grown < 50_000_000


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_deep_body_is_refused(writer: AsyncClient, email: str, opening: str, media_type: str) -> None:
    user = (await writer.post("/users", json={"email": email})).json()
    headers = {"content-type": media_type, "if-match": "*"}

    response = await writer.patch(f"/users/{user['id']}", content=opening * 50_000, headers=headers)

    assert response.status_code in {400, 422}
    assert (await writer.get(f"/users/{user['id']}")).json() == user


async def test_patch_of_many_operations_is_bounded(writer: AsyncClient, email: str) -> None:
    """Each copy would double the user."""
    user = (await writer.post("/users", json={"email": email, "tags": ["t" * 90]})).json()
    copies = [{"op": "copy", "from": "/tags", "path": f"/tags/{number}"} for number in range(30)]
    headers = {"content-type": "application/json-patch+json", "if-match": "*"}

    response = await writer.patch(f"/users/{user['id']}", content=json.dumps(copies), headers=headers)

    assert response.status_code == 422
    assert (await writer.get(f"/users/{user['id']}")).json() == user
