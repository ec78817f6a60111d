"""Each failed run is alerted once."""

import asyncio
import json
from datetime import UTC, datetime

from docustore.alerts import alert
from docustore.database import Database
from docustore.etl.models import EtlRun, RunState, RunTrigger
from docustore.etl.schedule import take_unannounced_failure

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def test_each_failure_is_taken_once(database: Database) -> None:
    for state in (RunState.FAILED, RunState.FAILED, RunState.SUCCEEDED):
        await EtlRun(source="crm", trigger=RunTrigger.API, state=state, created_at=NOW).insert()

    taken = await asyncio.gather(*(take_unannounced_failure(database, now=NOW) for _ in range(3)))

    assert len({run.id for run in taken if run is not None}) == 2
    assert taken.count(None) == 1


async def test_alert_reaches_every_address() -> None:
    bodies = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        taken = await alert([url, url], "etl.run_failed", at=NOW, source="crm")

    assert taken == 2
    assert bodies == [{"event": "etl.run_failed", "at": "2026-11-01T00:00:00Z", "source": "crm"}] * 2


async def test_unreachable_address_stops_nothing() -> None:
    assert await alert(["http://127.0.0.1:1/hook"], "etl.run_failed", at=NOW) == 0
