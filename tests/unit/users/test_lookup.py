import asyncio
from typing import Any

import pytest

from docustore.errors import DatabaseUnavailableError
from docustore.users.lookup import MAX_IDS, QUERIES_AT_ONCE, Found, Key, UserLookup


class Store:
    """Answers when it is let; keeps the ids of each query."""

    def __init__(self) -> None:
        self.queries: list[list[Key]] = []
        self.is_open = asyncio.Event()
        self.error: Exception | None = None

    async def read(self, keys: list[Key]) -> Found:
        self.queries.append(keys)
        await self.is_open.wait()
        if self.error:
            raise self.error
        return {key: {"_id": key, "email": f"{key}@example.org"} for key in keys}


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def asked(lookup: UserLookup, *ids: str) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(lookup.find(user_id)) for user_id in ids]


async def test_read_alone_starts_at_once() -> None:
    store = Store()
    store.is_open.set()

    assert (await UserLookup(store.read).find("a"))["email"] == "a@example.org"
    assert store.queries == [["a"]]


async def test_reads_meanwhile_share_the_next_query() -> None:
    store = Store()
    lookup = UserLookup(store.read)
    first = asked(lookup, "a", "b", "a")
    await turns()
    second = asked(lookup, "c")
    await turns()
    third = asked(lookup, "d", "e", "a", "d")
    await turns()
    assert store.queries == [["a", "b"], ["c"]]
    assert len(store.queries) == QUERIES_AT_ONCE

    store.is_open.set()
    found = await asyncio.gather(*first, *second, *third)

    assert [user["_id"] for user in found] == ["a", "b", "a", "c", "d", "e", "a", "d"]
    # Asked for again after its first query had started: read again, or a client would miss its own last write.
    assert store.queries[2:] == [["d", "e", "a"]]


async def test_query_is_bounded() -> None:
    store = Store()
    store.is_open.set()
    ids = [str(number) for number in range(MAX_IDS * 2 + 1)]

    found = await asyncio.gather(*asked(UserLookup(store.read), *ids))

    assert [user["_id"] for user in found] == ids
    assert max(len(query) for query in store.queries) == MAX_IDS


async def test_error_reaches_everybody_and_ends_nothing() -> None:
    store = Store()
    store.is_open.set()
    store.error = DatabaseUnavailableError("away")
    lookup = UserLookup(store.read)

    results = await asyncio.gather(*asked(lookup, "a", "b"), return_exceptions=True)
    store.error = None

    assert all(isinstance(result, DatabaseUnavailableError) for result in results)
    assert (await lookup.find("a"))["_id"] == "a"


async def test_client_that_hangs_up_takes_nobody_along() -> None:
    store = Store()
    waiting = asked(UserLookup(store.read), "a", "a", "b")
    await turns()

    waiting[0].cancel()
    store.is_open.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert [(await task)["_id"] for task in waiting[1:]] == ["a", "b"]
