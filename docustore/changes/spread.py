"""Work on a share of the partitions, beside the other listeners.

Each partition has a lease of its own. A process takes free partitions up to its share, and gives one back when it
has more: it finishes the batch first. So a new listener gets its share within seconds, and the partitions of a
dead one are taken over when their leases expire.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from docustore.changes.apply import Writer
from docustore.changes.lease import IS_ALIVE, Lease, acquire, pause
from docustore.changes.members import Member
from docustore.changes.position import ALL_POSITIONS, POSITIONS, Partition, partitions_of
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.errors import ListenerFencedError

log = structlog.get_logger()

# How often free partitions are looked for: as often as a standby tries.
POLL_S: Final = 0.5

# Works under a lease until the event is set.
Hold = Callable[[Writer, Lease, asyncio.Event], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class _Running:
    """The work on one partition; `leave` ends it after the batch in progress."""

    task: asyncio.Task[None]
    leave: asyncio.Event


@dataclass(slots=True, kw_only=True)
class Spread:
    """The partitions of this process.

    Their transactions take turns: each locks the numbers until it ends, and another one would only be repeated.
    """

    database: Database
    settings: Settings
    member: Member
    partitions: int
    hold: Hold
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _running: dict[int, _Running] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until the process is stopped or the number of partitions changes.

        Raises:
            PyMongoError, ListenerError: The work on a partition failed.
        """
        try:
            while not self.member.halt.is_set():
                self._reap()
                documents = await self._documents()
                if _count(documents) != self.partitions:
                    return
                self._adjust(documents, share=await self.member.share(self.partitions))
                await pause(POLL_S, self.member.halt)
        finally:
            await self._leave_all()

    def _reap(self) -> None:
        for index, running in list(self._running.items()):
            if running.task.done():
                del self._running[index]
                try:
                    running.task.result()
                except ListenerFencedError as exc:
                    log.warning("listener.fenced", owner=self.member.name, partition=index, reason=str(exc))

    async def _documents(self) -> list[Document]:
        alive = {"$set": {"is_alive": IS_ALIVE}}
        cursor = await self.database[POSITIONS].aggregate([{"$match": ALL_POSITIONS}, alive])
        return await cursor.to_list()

    def _adjust(self, documents: list[Document], *, share: int) -> None:
        staying = [running for running in self._running.values() if not running.leave.is_set()]
        if len(staying) > share:
            staying[-1].leave.set()
            return
        free = [
            each["partition"]
            for each in documents
            if "partition" in each and not each["is_alive"] and each["partition"] not in self._running
        ]
        for index in free[: share - len(staying)]:
            leave = asyncio.Event()
            self._running[index] = _Running(task=asyncio.create_task(self._take(index, leave)), leave=leave)

    async def _take(self, index: int, leave: asyncio.Event) -> None:
        position_id = Partition(index=index, of=self.partitions).position_id
        async with self.database.client.start_session() as session:
            lease = await acquire(
                self.database,
                owner=self.member.name,
                lease_s=self.settings.changes_lease_s,
                session_id=session.session_id,
                position_id=position_id,
            )
            if lease is not None:
                writer = Writer(database=self.database, session=session, lease_ms=lease.lease_ms, turn=self.turn)
                await self.hold(writer, lease, leave)

    async def _leave_all(self) -> None:
        for running in self._running.values():
            running.leave.set()
        await asyncio.gather(*(running.task for running in self._running.values()), return_exceptions=True)


def _count(documents: list[dict[str, Any]]) -> int:
    heads = (each for each in documents if "partition" not in each)
    return partitions_of(next(heads, {}))
