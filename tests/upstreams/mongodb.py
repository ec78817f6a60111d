"""A collection of another MongoDB, behind a proxy that can be stopped."""

import gc
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from pymongo import AsyncMongoClient, ReplaceOne

from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.addresses import host_and_port
from tests.tcp_proxy import TcpProxy, tcp_proxy
from tests.upstreams.upstream import Record, Upstream, time_of

COLLECTION = "people"
# Closing a client cancels its connection attempts, and the driver leaves their sockets to the garbage collector.
LEAKS = "ignore::pytest.PytestUnraisableExceptionWarning"


class MongodbUpstream(Upstream):
    """Documents with the record's id as `_id` and its time as a date, `modified_at`."""

    kind: ClassVar[SourceKind] = SourceKind.MONGODB

    def __init__(self, mongodb_url: str) -> None:
        self._url = mongodb_url
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongodb_url, tz_aware=True)
        self.database = self._client[f"upstream_{uuid4().hex[:12]}"]
        self.collection = self.database[COLLECTION]
        self._running = AsyncExitStack()
        self._proxy = TcpProxy("", 0)

    async def put(self, records: Sequence[Record]) -> None:
        await self.collection.create_index([("modified_at", 1), ("_id", 1)])
        documents = [{**record, "_id": record["id"], "modified_at": time_of(record)} for record in records]
        if documents:
            await self.collection.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
            )

    def settings(self, **fields: Any) -> SourceSettings:
        credentials, at, _ = urlsplit(self._url).netloc.rpartition("@")
        place = f"127.0.0.1:{self._proxy.port}/{self.database.name}.{COLLECTION}"
        # Direct: the driver would learn the server's own address and go past the proxy.
        url = f"mongodb://{credentials}{at}{place}?directConnection=true&authSource=admin"
        return SourceSettings(kind="mongodb", url=url, **{"modified": "modified_at", **fields})

    async def start(self) -> None:
        if not self._proxy.port:
            self._proxy = await self._running.enter_async_context(tcp_proxy(*host_and_port(self._url)))
        self._proxy.is_down = False

    async def stop(self) -> None:
        self._proxy.is_down = True
        self._proxy.cut()

    async def close(self) -> None:
        await self._running.aclose()
        await self._client.drop_database(self.database.name)
        await self._client.close()
        # While the warnings of `LEAKS` are expected, not during a later test.
        gc.collect()
