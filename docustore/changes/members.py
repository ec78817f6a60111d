"""The listener processes that are alive, and the share of each in the partitions.

Listeners register in `change_listeners` as soon as one of them wants partitions. The newest process decides how
many there are: so in a rolling update the new setting holds, and processes with different settings do not undo
each other's change. A listener without partitions, alone or with standbys of its kind, writes nothing here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pymongo
import structlog
from pymongo.errors import PyMongoError

from docustore.changes.layout import divide
from docustore.changes.lease import RELEASE_TIMEOUT_S
from docustore.changes.position import count_partitions
from docustore.config import Settings
from docustore.database import AWARE, Database
from docustore.transient import is_transient

log = structlog.get_logger()

LISTENERS: Final = "change_listeners"
# How soon the others know of a new listener.
HEARTBEAT_S: Final = 1.0
# How often a listener tries while the number of partitions is not what it should be.
RETRY_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One listener process; `wanted` is its setting of the number of partitions."""

    name: str
    wanted: int
    started_at: datetime


@dataclass(slots=True, kw_only=True)
class Member:
    """This process among the listeners.

    `may_divide` tells whether the effects allow partitions now. `halt` is set when the process is stopped, or when
    its membership failed with `error`.
    """

    database: Database
    settings: Settings
    name: str
    may_divide: Callable[[], Awaitable[bool]]
    halt: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    _started_at: datetime | None = None
    _task: asyncio.Task[None] | None = None

    async def join(self) -> int:
        """Register if there are partitions, or shall be; return their number now.

        Raises:
            PyMongoError: A transient or final failure.
        """
        if self._started_at is None:
            # The server's clock: those of several machines do not agree.
            hello = await self.database.client.admin.command("hello", codec_options=AWARE)
            self._started_at = hello["localTime"]
        partitions = await count_partitions(self.database)
        is_alone = self.settings.changes_partitions == partitions == 1 and not await self.others()
        if self._task is None and not is_alone:
            await self._beat()
            self._task = asyncio.create_task(self._keep())
        return partitions

    async def share(self, partitions: int) -> int:
        """Return how many partitions this process should have."""
        everyone = sorted({self.name, *(listener.name for listener in await self.others())})
        return share_of(everyone.index(self.name), listeners=len(everyone), partitions=partitions)

    async def others(self) -> list[Listener]:
        """List the other listeners that are alive, by the server's clock."""
        age_ms = {"$abs": {"$subtract": ["$$NOW", "$heartbeat_at"]}}
        query: dict[str, Any] = {"_id": {"$ne": self.name}, "$expr": {"$lte": [age_ms, self._lease_ms]}}
        found = await self.database[LISTENERS].find(query).to_list()
        return [Listener(name=each["_id"], wanted=each["wanted"], started_at=each["started_at"]) for each in found]

    async def leave(self) -> None:
        """Let the others share the partitions of this process at once."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(PyMongoError), pymongo.timeout(RELEASE_TIMEOUT_S):
            await self.database[LISTENERS].delete_one({"_id": self.name})

    @property
    def _lease_ms(self) -> int:
        return int(self.settings.changes_lease_s * 1000)

    async def _keep(self) -> None:
        while True:
            pause_s = HEARTBEAT_S
            try:
                await self._beat()
                pause_s = HEARTBEAT_S if await self._agree() else RETRY_S
            except Exception as exc:  # noqa: BLE001  # `membership` raises it
                if not is_transient(exc):
                    self.error = exc
                    self.halt.set()
                    return
                log.warning("listener.membership_interrupted", error=type(exc).__name__)
            await asyncio.sleep(pause_s)

    async def _beat(self) -> None:
        alive = {
            "wanted": self.settings.changes_partitions,
            "started_at": self._started_at,
            "heartbeat_at": "$$NOW",
        }
        await self.database[LISTENERS].update_one({"_id": self.name}, [{"$set": alive}], upsert=True)

    async def _agree(self) -> bool:
        """Bring the number of partitions to what the newest listener wants.

        False if that is not possible now.
        """
        assert self._started_at is not None  # noqa: S101  # for mypy; `join` has set it
        own = Listener(name=self.name, wanted=self.settings.changes_partitions, started_at=self._started_at)
        wanted = wanted_by([own, *await self.others()])
        if wanted == await count_partitions(self.database):
            return True
        return await self.may_divide() and await divide(self.database, wanted)


@asynccontextmanager
async def membership(
    database: Database,
    settings: Settings,
    *,
    name: str,
    may_divide: Callable[[], Awaitable[bool]],
    stop: asyncio.Event,
) -> AsyncIterator[Member]:
    """Be a member until the end of the block, at which the membership is given up.

    Raises:
        Exception: The membership failed for good.
    """
    member = Member(database=database, settings=settings, name=name, may_divide=may_divide)
    relay = asyncio.create_task(_relay(stop, member.halt))
    try:
        yield member
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await member.leave()
    if member.error is not None:
        raise member.error


def share_of(rank: int, *, listeners: int, partitions: int) -> int:
    """Divide the partitions among the listeners; the first ones get one more. Pure."""
    return partitions // listeners + (1 if rank < partitions % listeners else 0)


def wanted_by(listeners: Sequence[Listener]) -> int:
    """Return the setting of the newest listener. Pure."""
    return max(listeners, key=lambda each: (each.started_at, each.name)).wanted


async def _relay(stop: asyncio.Event, halt: asyncio.Event) -> None:
    await stop.wait()
    halt.set()
