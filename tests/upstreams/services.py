"""HTTP services that keep their records in the test process: the protocol of docustore, and SCIM."""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar

from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings
from tests.http_service import Answer, HttpService, Query, http_service
from tests.upstreams.upstream import Record, Upstream, in_order, time_of


class Service(Upstream):
    def __init__(self) -> None:
        self.records: dict[Any, Record] = {}
        self.service = HttpService(url="", queries=[])
        self._running = AsyncExitStack()
        self._port = 0

    @abstractmethod
    def answer(self, query: Query) -> Answer:
        """Answer one request."""

    async def put(self, records: Sequence[Record]) -> None:
        self.records |= {record["id"]: record for record in records}

    async def start(self) -> None:
        self.service = await self._running.enter_async_context(http_service(self.answer, port=self._port))
        self._port = self.service.port

    async def stop(self) -> None:
        await self._running.aclose()


class HttpUpstream(Service):
    """A service that speaks the protocol of docustore, with offsets as cursors."""

    kind: ClassVar[SourceKind] = SourceKind.HTTP

    def settings(self, **fields: Any) -> SourceSettings:
        return SourceSettings(kind="http", url=self.service.url, **fields)

    def answer(self, query: Query) -> Answer:
        since, until = query.get("modified_since"), query.get("until")
        wanted = [
            record
            for record in in_order(list(self.records.values()))
            if (since is None or time_of(record) >= datetime.fromisoformat(since))
            and (until is None or time_of(record) < datetime.fromisoformat(until))
        ]
        start = int(query.get("cursor", "0"))
        end = start + int(query["limit"])
        return Answer({"users": wanted[start:end], "next_cursor": str(end) if end < len(wanted) else None})


class ScimUpstream(Service):
    """A SCIM provider whose `meta.lastModified` is the time of the record."""

    kind: ClassVar[SourceKind] = SourceKind.SCIM
    is_filtering = True

    def settings(self, **fields: Any) -> SourceSettings:
        url = self.service.url.replace("http://", "scim+http://").removesuffix("/users")
        return SourceSettings(kind="scim", url=url, **fields)

    def answer(self, query: Query) -> Answer:
        given = query.get("filter") if self.is_filtering else None
        since = None if given is None else datetime.fromisoformat(given.split('"')[1])
        wanted = [
            each for each in in_order(list(self.records.values())) if since is None or time_of(each) >= since
        ]
        start = int(query["startIndex"]) - 1
        found = [scim_user(record) for record in wanted[start : start + int(query["count"])]]
        return Answer({"totalResults": len(wanted), "startIndex": start + 1, "Resources": found})


def scim_user(record: Record) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": record["id"],
        "userName": record["email"],
        "name": {"givenName": record["first_name"], "familyName": record["last_name"]},
        "emails": [{"value": "other@example.org"}, {"value": record["email"], "primary": True}],
        "active": record.get("status", "active") == "active",
        "meta": {"resourceType": "User", "lastModified": record["modified_at"]},
    }
