import asyncio
from typing import Any

import pytest

from docustore.errors import DatabaseUnavailableError
from docustore.users.lookup import MAX_IDS, QUERIES_AT_ONCE, Found, Key, UserLookup


class Store:
    """Answers after `is_open` is set; records the ids of each query."""

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


async def run_event_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def asked(lookup: UserLookup, *ids: str) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(lookup.find(user_id)) for user_id in ids]


async def test_single_read_starts_at_once() -> None:
    store = Store()
    store.is_open.set()

    assert (await UserLookup(store.read).find("a"))["email"] == "a@example.org"
    assert store.queries == [["a"]]


async def test_waiting_reads_share_the_next_query() -> None:
    store = Store()
    lookup = UserLookup(store.read)
    first = asked(lookup, "a", "b", "a")
    await run_event_loop()
    second = asked(lookup, "c")
    await run_event_loop()
    third = asked(lookup, "d", "e", "a", "d")
    await run_event_loop()
    assert store.queries == [["a", "b"], ["c"]]
    assert len(store.queries) == QUERIES_AT_ONCE

    store.is_open.set()
    found = await asyncio.gather(*first, *second, *third)

    assert [user["_id"] for user in found] == ["a", "b", "a", "c", "d", "e", "a", "d"]
    # `a` is requested again after its first query has started. It is read again, because a client must see its
    # own last write.
    assert store.queries[2:] == [["d", "e", "a"]]


async def test_query_is_bounded() -> None:
    store = Store()
    store.is_open.set()
    ids = [str(number) for number in range(MAX_IDS * 2 + 1)]

    found = await asyncio.gather(*asked(UserLookup(store.read), *ids))

    assert [user["_id"] for user in found] == ids
    assert max(len(query) for query in store.queries) == MAX_IDS


async def test_error_reaches_every_read_of_its_query() -> None:
    store = Store()
    store.is_open.set()
    store.error = DatabaseUnavailableError("away")
    lookup = UserLookup(store.read)

    results = await asyncio.gather(*asked(lookup, "a", "b"), return_exceptions=True)
    store.error = None

    assert all(isinstance(result, DatabaseUnavailableError) for result in results)
    assert (await lookup.find("a"))["_id"] == "a"


async def test_disconnect_does_not_cancel_other_reads() -> None:
    store = Store()
    waiting = asked(UserLookup(store.read), "a", "a", "b")
    await run_event_loop()

    waiting[0].cancel()
    store.is_open.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert [(await task)["_id"] for task in waiting[1:]] == ["a", "b"]
