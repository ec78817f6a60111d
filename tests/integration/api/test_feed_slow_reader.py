"""A reader that takes nothing, at a process of its own."""

from pathlib import Path

from docustore.database import Database
from tests.conftest import Servers
from tests.feed_rows import commit_rows, stored_row
from tests.integration.api.event_stream import STREAM, api_with, ended, stream
from tests.raw_http import connection
from tests.waiting import until


async def test_reader_that_takes_nothing_is_disconnected(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    """The server keeps a bounded number of bytes for it, and serves the others."""
    async with api_with(servers, database, tmp_path, feed_write_timeout_s="0.5") as (api, client):
        async with connection(api.port) as stuck, stream(client) as quick:
            await stuck.head("GET", "/changes", list(STREAM.items()))
            await quick.next_named("ready")
            number = 0

            async def is_cut_off() -> bool:
                nonlocal number
                rows = [stored_row(number + n, source="x" * 100_000) for n in range(1, 21)]
                await commit_rows(database, rows)
                number += 20
                got = [(await quick.next_named("change"))[0] for _ in rows]
                assert got == list(range(number - 19, number + 1))
                return await ended(client, "slow") == 1

            await until(is_cut_off, what="the end of the reader that takes nothing")
        assert "feed.reader_closed" in api.log
