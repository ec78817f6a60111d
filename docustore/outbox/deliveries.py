"""The deliveries of one worker: a task for each destination that has due events.

The store says what is due, and a lease says which worker delivers it. So any number of workers may run, and one
that is killed leaves nothing behind but an expired lease.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.subscriptions import DESTINATIONS
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.outbox.delivery import Delivery
from docustore.outbox.lease import claim, kept
from docustore.outbox.rows import has_due
from docustore.outbox.sending import OpenSender, UnknownDestinationError

log: Final = structlog.get_logger()
# How soon a new event is seen: two small reads for each destination.
POLL_S: Final = 0.25
# How soon a new destination is seen where there is none.
IDLE_POLL_S: Final = 2.0
# Attempts in flight may end within this time after a stop; then they are cancelled and repeated by another worker.
STOP_GRACE_S: Final = 5.0
# After this time a sender is opened anew: the address or the secret of a webhook may have changed.
TERM_S: Final = 30.0


class Deliveries:
    """Delivers to every destination whose kind has a sender, until stopped."""

    def __init__(
        self, database: Database, senders: Mapping[str, OpenSender], *, owner: str, lease_s: float
    ) -> None:
        self._database = database
        self._senders = senders
        self._owner = owner
        self._lease_s = lease_s
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to deliver in the background."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Start no further attempt, and wait a moment for those in flight."""
        self._stop.set()
        tasks = [*self._tasks.values(), *([self._loop] if self._loop is not None else [])]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                found = await self._start_due()
            except PyMongoError as exc:
                log.warning("outbox.interrupted", error=type(exc).__name__)
                found = 0
            await self._pause(POLL_S if found else IDLE_POLL_S)

    async def _start_due(self) -> int:
        """Start a task for each destination with work; return the number of destinations."""
        now = now_utc()
        found = await self._database[DESTINATIONS].find({"is_enabled": True}, _KNOWN).to_list()
        for destination in found:
            name, blocked_until = destination["_id"], destination["blocked_until"]
            is_resting = blocked_until is not None and blocked_until > now
            if name in self._tasks or destination["kind"] not in self._senders or is_resting:
                continue
            if destination["fill"] is not None or await has_due(self._database, name, now=now):
                task = asyncio.create_task(self._deliver(name, self._senders[destination["kind"]]))
                self._tasks[name] = task
                task.add_done_callback(partial(self._forget, name))
        return len(found)

    def _forget(self, name: str, _task: asyncio.Task[None]) -> None:
        del self._tasks[name]

    async def _deliver(self, name: str, open_sender: OpenSender) -> None:
        try:
            if claimed := await self._claimed(name, open_sender):
                log.info("outbox.delivered", destination=name, events=claimed)
        except UnknownDestinationError as exc:
            log.debug("outbox.not_deliverable", destination=name, reason=str(exc))
        except PyMongoError as exc:
            log.warning("outbox.interrupted", destination=name, error=type(exc).__name__)
        except Exception:  # the task's last frame: the events are pending, and the next round tries them
            log.exception("outbox.delivery_failed", destination=name)
            await self._pause(IDLE_POLL_S)

    async def _claimed(self, name: str, open_sender: OpenSender) -> int:
        """Deliver under the lease; 0 if another worker has it."""
        document = await self._database[DESTINATIONS].find_one({"_id": name})
        if document is None:
            return 0
        async with open_sender(document) as sender:
            taken = await claim(self._database, name, owner=self._owner, lease_s=self._lease_s)
            if taken is None:
                return 0
            lease, destination = taken
            end = time.monotonic() + TERM_S
            async with kept(self._database, lease):
                delivery = Delivery(
                    database=self._database,
                    lease=lease,
                    sender=sender,
                    destination=destination,
                    is_over=lambda: self._stop.is_set() or time.monotonic() > end,
                )
                return await delivery.run()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


_KNOWN: Final[Document] = {"kind": 1, "blocked_until": 1, "fill": 1}
