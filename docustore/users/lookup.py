"""Read single users by id; concurrent reads share one query.

The driver costs about 0.5 ms of Python for each operation of any size. So at most two queries are in flight.
Reads that arrive meanwhile wait for the next query and share it. A read without others in flight starts at once.
Each query starts after the requests that it serves, so a client sees its own last write.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from docustore.users.store import found_user, users
from docustore.users.stored import FOR_RESPONSE, RawUser, id_key, user_key

# With one query, the server is idle while its answer is parsed. More queries make smaller batches.
QUERIES_AT_ONCE: Final = 2
MAX_IDS: Final = 200

Key = ObjectId | str
Found = Mapping[Key, dict[str, Any]]
Future = asyncio.Future[RawUser | None]


async def find_many(keys: list[Key]) -> Found:
    """Read users by id, only the fields of a response; deleted users included."""
    which = keys[0] if len(keys) == 1 else {"$in": keys}
    return {user["_id"]: user for user in await users().find({"_id": which}, FOR_RESPONSE).to_list()}


async def find_listed(ids: Sequence[Any]) -> list[RawUser]:
    """Read users in the order of ids of any type.

    Those that are removed meanwhile are left out.
    """
    if not ids:
        return []
    cursor = users().find({"_id": {"$in": list(ids)}}, FOR_RESPONSE)
    found = {id_key(user["_id"]): user async for user in cursor}
    return [found[key] for each in ids if (key := id_key(each)) in found]


class UserLookup:
    """Reads single users; use one instance for each event loop."""

    def __init__(self, read: Callable[[list[Key]], Awaitable[Found]] = find_many) -> None:
        self._read_many = read
        self._waiting: dict[Key, list[Future]] = {}
        self._queries: set[asyncio.Task[None]] = set()
        self._is_starting = False

    async def find(self, user_id: str) -> RawUser:
        """Read one user, only the fields of a response.

        Raises:
            NotFoundError: No user has this id.
            UserGoneError: The user is deleted.
        """
        # A future for each request: a client that disconnects must not cancel the others that want the same user.
        future: Future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_key(user_id), []).append(future)
        self._start()
        return found_user(await future, user_id)

    def _start(self) -> None:
        if self._waiting and not self._is_starting and len(self._queries) < QUERIES_AT_ONCE:
            self._is_starting = True
            query = asyncio.create_task(self._read())
            self._queries.add(query)
            query.add_done_callback(self._ended)

    def _ended(self, query: asyncio.Task[None]) -> None:
        self._queries.discard(query)
        self._start()

    async def _read(self) -> None:
        # Runs in a later iteration of the event loop than `_start`, so all requests of that iteration wait.
        batch = {key: self._waiting.pop(key) for key in list(self._waiting)[:MAX_IDS]}
        self._is_starting = False
        self._start()
        try:
            found = await self._read_many(list(batch))
        except BaseException as exc:
            for futures in batch.values():
                for future in futures:
                    # A request that is gone has cancelled its future.
                    if not future.done():
                        future.set_exception(exc)
            if not isinstance(exc, Exception):
                raise
            return
        for key, futures in batch.items():
            user = found.get(key)
            for future in futures:
                if not future.done():
                    future.set_result(user)
