"""The Python client of the feed, against a real API that is killed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.database import Database
from docustore.errors import FeedRefusedError, FeedResetError
from docustore.feed.client import Change, Reset, follow
from docustore.security.api_keys import create_key
from docustore.security.models import Scope
from tests.api_process import ApiProcess
from tests.feed_rows import commit_range
from tests.tcp_proxy import tcp_proxy
from tests.waiting import PATIENCE_S, until

CUTS = 10
# The API is started twice, on a machine that may be busy.
DEADLINE_S = 5 * PATIENCE_S


async def ids_of(changes: AsyncGenerator[Change, None], *, last: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(changes):
        async for change in changes:
            found.append(change.id)
            if change.id >= last:
                break
    return found


async def test_client_gets_each_change_once(database: Database, settings: Settings, tmp_path: Path) -> None:
    """Its connections are cut, and the API is killed and started again, while changes are written."""
    await commit_range(database, 1, 100)
    key = (await create_key(name="feed", scope=Scope.READ)).key
    resets: list[Reset] = []

    async def note(reset: Reset) -> None:
        resets.append(reset)

    async with AsyncExitStack() as programs:
        api = ApiProcess(settings, tmp_path / "api.log", programs)
        await api.start()
        proxy = await programs.enter_async_context(tcp_proxy("127.0.0.1", api.port))
        url, last = f"http://127.0.0.1:{proxy.port}", 100 + 10 * (CUTS + 2)
        reading = [
            asyncio.create_task(ids_of(follow(url, key, after=after, on_reset=note), last=last))
            for after in (0, 50)
        ]
        numbers = iter(range(101, last, 10))

        async def cut_something() -> bool:
            return proxy.cut() > 0

        for _ in range(CUTS):
            await until(cut_something)
            await commit_range(database, first := next(numbers), first + 9)
        await commit_range(database, first := next(numbers), first + 9)
        await api.kill()
        await commit_range(database, first := next(numbers), first + 9)
        await api.start()

        assert await asyncio.gather(*reading) == [list(range(1, last + 1)), list(range(51, last + 1))]
        assert resets == []

        with pytest.raises(FeedResetError) as caught:
            await ids_of(follow(api.url, key, after=10**6), last=last)
        assert caught.value.after == last
        following = asyncio.create_task(ids_of(follow(api.url, key, after=10**6, on_reset=note), last=last + 1))

        async def is_reset() -> bool:
            return len(resets) > 0

        await until(is_reset)
        await commit_range(database, last + 1, last + 1)
        assert (await following, resets) == ([last + 1], [Reset(after=last, reason="unknown")])

        with pytest.raises(FeedRefusedError, match="401"):
            await ids_of(follow(api.url, "wrong"), last=1)
        with pytest.raises(FeedRefusedError, match="400"):
            await ids_of(follow(api.url, key, operations=["replace"]), last=1)
