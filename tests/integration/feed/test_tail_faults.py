"""The tail over lost connections: no change is lost, none comes twice."""

import asyncio

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.feed.feed import Feed
from tests.addresses import direct_url, host_and_port
from tests.feed_rows import commit_range
from tests.integration.feed.conftest import OPTIONS, ids_until, reading
from tests.tcp_proxy import tcp_proxy


async def test_cut_connections_lose_nothing(database: Database, settings: Settings) -> None:
    """Live readers, and one that reads old pages, while every connection is cut twenty times."""
    await commit_range(database, 1, 3000)
    async with tcp_proxy(*host_and_port(settings.mongodb_url)) as proxy:
        cut = settings.model_copy(update={"mongodb_url": direct_url(settings.mongodb_url, port=proxy.port)})
        async with connect(cut, app_name="docustore-tests") as through:
            feed = Feed(through, OPTIONS)
            with reading(feed) as live, reading(feed) as old:
                await feed.open(live, after=None)
                await feed.open(old, after=0)
                taking = [asyncio.create_task(ids_until(feed, reader, 3200)) for reader in (live, old)]
                for start in range(3001, 3201, 10):
                    proxy.cut()
                    await commit_range(database, start, start + 9)
                found = await asyncio.gather(*taking)
            await feed.close()

    assert found == [list(range(3001, 3201)), list(range(1, 3201))]
