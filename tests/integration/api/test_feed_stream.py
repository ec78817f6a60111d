"""`GET /changes` as server-sent events, from a process of its own."""

import asyncio
import signal
from pathlib import Path

from docustore.database import Database
from docustore.security.api_keys import create_key, revoke_key
from docustore.security.models import Scope
from tests.conftest import Servers
from tests.feed_rows import commit_range
from tests.integration.api.event_stream import STREAM, api_with, stream
from tests.waiting import PATIENCE_S


async def test_stream_is_exact_and_ends_in_order(servers: Servers, database: Database, tmp_path: Path) -> None:
    """`ready`, every change once, over a reconnect; a revoked key and a stop end it with a reason."""
    await commit_range(database, 1, 5)
    key = await create_key(name="k", scope=Scope.READ)
    async with api_with(servers, database, tmp_path, feed_max_readers="3", feed_max_readers_per_key="2") as (
        api,
        client,
    ):
        async with stream(client) as first:
            assert first.response.headers["content-type"].startswith("text/event-stream")
            assert first.response.headers["x-accel-buffering"] == "no"
            assert await first.next_named("ready") == (5, {"after": 5, "heartbeat_s": 0.2})
            await commit_range(database, 6, 8)
            assert [(await first.next_named("change"))[0] for _ in range(2)] == [6, 7]
        async with stream(client, "?after=0", last_event_id="7") as second, stream(client) as third:
            assert (await second.next_named("ready"))[0] == 7
            assert (await second.next_named("change"))[0] == 8
            await third.next_named("ready")

            refused = await client.get("/changes", headers=STREAM)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
            async with stream(client, authorization=f"Bearer {key.key}") as revoked:
                await revoked.next_named("ready")
                full = await client.get("/changes", headers={"authorization": f"Bearer {key.key}"})
                assert (full.status_code, "retry-after" in full.headers) == (503, True)
                await revoke_key(key.record.id)
                assert (await revoked.next_named("closed"))[1] == {"after": 8, "reason": "unauthorised"}
                assert await revoked.has_ended()
            # The heartbeat carries the id that was looked at last.
            await commit_range(database, 9, 9)
            assert (await third.next_named("change"))[0] == 9
            assert (await third.next()).id == "9"

            api.process.send_signal(signal.SIGTERM)
            assert (await second.next_named("closed"))[1] == {"after": 9, "reason": "shutdown"}
            assert await third.next_named("closed") == (9, {"after": 9, "reason": "shutdown"})
            assert await second.has_ended()
        assert await asyncio.wait_for(api.process.wait(), PATIENCE_S) == 0
