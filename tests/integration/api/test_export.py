"""Users as files over HTTP: readable by any client, and never cut short unnoticed."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient, RemoteProtocolError

from docustore.config import Settings
from docustore.database import Database
from docustore.security.models import Scope
from tests.conftest import Servers
from tests.integration.api.conftest import Client
from tests.integration.api.served import KEY, served
from tests.waiting import until


@pytest.mark.parametrize(
    ("query", "media_type", "suffix"),
    [
        ("", "application/x-ndjson", ".ndjson"),
        ("?format=csv", "text/csv; charset=utf-8; header=present", ".csv"),
        ("?format=csv&gzip=true", "application/gzip", ".csv.gz"),
        ("?format=parquet", "application/vnd.apache.parquet", ".parquet"),
    ],
)
async def test_body_has_the_digest_of_the_record(
    api: Client, make_user: Any, query: str, media_type: str, suffix: str
) -> None:
    for number in range(3):
        await make_user(f"user{number}@example.org")

    answer = await api.get(f"/export/users{query}")
    record = (await api.get(f"/export/{answer.headers['export-id']}")).json()

    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].endswith(f'{suffix}"')
    assert (record["state"], record["rows"], record["bytes"]) == ("complete", 3, len(answer.content))
    assert record["sha256"] == hashlib.sha256(answer.content).hexdigest()


async def test_line_is_the_user_of_the_api(api: Client, make_user: Any) -> None:
    user = await make_user(profile={"location": "London"})
    await make_user("other@example.org")

    lines = (await api.get("/export/users?location=London")).text.splitlines()

    assert [json.loads(line) for line in lines] == [user]


async def test_reader_may_export(api: Client, keys: dict[Scope, str]) -> None:
    """Whoever may list all users may have them as a file."""
    answer = await api.get("/export/users", headers={"authorization": f"Bearer {keys[Scope.READ]}"})

    assert (answer.status_code, answer.text) == (200, "")


async def test_parquet_is_not_compressed_twice(api: Client) -> None:
    answer = await api.get("/export/users?format=parquet&gzip=true")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/gzip"


async def test_unknown_export_is_404(api: Client) -> None:
    assert (await api.get("/export/nothing")).status_code == 404


async def test_failed_export_cuts_the_connection(
    servers: Servers, settings: Settings, database: Database, tmp_path: Path
) -> None:
    """The snapshot goes away while the client reads: the client gets an error, not a shorter file."""
    big = {"status": "active", "profile": {"bio": "x" * 5000}}
    # More than all buffers on the way hold.
    await database.users.insert_many([{"email": f"u{number}@example.org", **big} for number in range(8000)])
    async with (
        served(servers, tmp_path, database=settings.mongodb_database) as server,
        AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=dict([KEY])) as client,
    ):
        async with client.stream("GET", "/export/users") as answer:
            chunks = answer.aiter_raw()
            await anext(chunks)
            await database.users.drop()
            with pytest.raises(RemoteProtocolError):
                await drained(chunks)
        path = f"/export/{answer.headers['export-id']}"

        async def is_failed() -> bool:
            return (await client.get(path)).json()["state"] == "failed"

        await until(is_failed)
        record = (await client.get(path)).json()

    assert record["rows"] < 8000
    assert record["sha256"] is None


async def drained(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass
