"""Deliver the due events of one destination, under its lease.

The events of a lane, that is of one user, are delivered one after the other in the order of their numbers; a
failed one holds the later ones. Lanes are independent of each other. A destination that is down rests, and is
then asked with one event.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

import structlog

from docustore.changes.subscriptions import DESTINATIONS
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.outbox.backoff import MAX_BEGUN, pause_after, wait_after
from docustore.outbox.destinations import WORKER, set_enabled
from docustore.outbox.event import ChangeEvent, event_of
from docustore.outbox.fill import fill_next
from docustore.outbox.lease import DeliveryLease, update_held
from docustore.outbox.rows import (
    Lane,
    begin,
    changes_of,
    due_lanes,
    note_delivered,
    note_failure,
    release_waiting,
)
from docustore.outbox.sending import Outcome, Sender

log: Final = structlog.get_logger()
# Lanes of one destination that are delivered at the same time.
LANES_AT_ONCE: Final = 16


@dataclass(slots=True, kw_only=True)
class _Round:
    """The results of one round, for the document of the destination."""

    delivered: int = 0
    failed: int = 0
    down: Outcome | None = None
    refused: Outcome | None = None
    is_gone: bool = False
    is_idle: bool = False

    @property
    def is_stopped(self) -> bool:
        return self.down is not None or self.is_gone


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The work of one worker at one destination.

    `is_over` ends it after the attempts in flight.
    """

    database: Database
    lease: DeliveryLease
    sender: Sender
    destination: Document
    is_over: Callable[[], bool]
    now: Callable[[], datetime] = now_utc
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LANES_AT_ONCE))

    async def run(self) -> int:
        """Deliver until nothing is due or the destination rests.

        Returns:
            The number of delivered events.
        """
        total = 0
        while not self._has_ended():
            fill = before = self.destination.get("fill")
            if fill is not None:
                fill = self.destination["fill"] = await fill_next(self.database, self.lease, self.destination)
            done = await self._round(None if fill is None else fill["next"])
            total += done.delivered
            if not await self._note(done) or done.is_stopped or (done.is_idle and fill == before):
                return total
        return total

    def _has_ended(self) -> bool:
        return self.lease.is_lost or self.is_over()

    async def _round(self, up_to: int | None) -> _Round:
        """Deliver what is due now."""
        lanes = await due_lanes(self.database, self.lease.destination, now=self.now(), up_to=up_to)
        if self.destination["failures"]:
            # A destination that was down is asked with one event.
            lanes = [lane[:1] for lane in lanes[:1]]
        done = _Round(is_idle=not lanes)
        events = await self._events(lanes)
        await asyncio.gather(*(self._lane(lane, events, done) for lane in lanes))
        return done

    async def _events(self, lanes: Sequence[Lane]) -> dict[str, ChangeEvent]:
        rows = [row for lane in lanes for row in lane]
        history = await changes_of(self.database, (int(row["number"]) for row in rows))
        return {row["_id"]: event_of(row, history.get(int(row["number"]))) for row in rows}

    async def _lane(self, lane: Lane, events: Mapping[str, ChangeEvent], done: _Round) -> None:
        async with self._slots:
            for start in range(0, len(lane), self.sender.max_events):
                # A later event with a failed attempt has a wait of its own.
                rows = list(takewhile(self._may_go, lane[start : start + self.sender.max_events]))
                if not rows or self._has_ended() or done.is_stopped:
                    return
                if not await self._attempt(rows, [events[row["_id"]] for row in rows], done):
                    return

    def _may_go(self, row: Mapping[str, Any]) -> bool:
        return not row["attempts"] or row["due_at"] <= self.now()

    async def _attempt(self, rows: Sequence[Document], events: Sequence[ChangeEvent], done: _Round) -> bool:
        """Make one attempt; True if the lane may go on."""
        if not await begin(self.database, rows, fence=self.lease.fence):
            # Another worker has them, or a command has changed them.
            self.lease.is_lost = True
            return False
        if rows[0]["attempts"] >= MAX_BEGUN:
            outcome = Outcome(error=f"begun {MAX_BEGUN} times without an end: its worker was killed")
            return await self._note_failure(rows, outcome, None, done)
        outcome = await self.sender.send(events)
        if outcome.error is None:
            noted = await note_delivered(self.database, rows, at=self.now(), status=outcome.status)
            # Not in one step: other lanes count while this one waits.
            done.delivered += noted
            return True
        if outcome.is_gone:
            done.is_gone = True
        elif outcome.is_down:
            done.down = outcome
        else:
            done.refused = outcome
        return await self._note_failure(rows, outcome, self._wait(rows, outcome), done)

    def _wait(self, rows: Sequence[Document], outcome: Outcome) -> timedelta | None:
        if outcome.is_down and self.destination["is_one_lane"]:
            # Its only event to ask with: the destination rests instead. What gets too old is given up.
            return timedelta()
        wait = wait_after(rows[0]["attempts"] + 1, chance=random.random())  # noqa: S311  # no secret
        if wait is None or outcome.retry_after is None:
            return wait
        return max(wait, outcome.retry_after)

    async def _note_failure(
        self, rows: Sequence[Document], outcome: Outcome, wait: timedelta | None, done: _Round
    ) -> bool:
        changed = await note_failure(
            self.database, rows, fence=self.lease.fence, at=self.now(), wait=wait, outcome=outcome
        )
        log.warning(
            "outbox.undelivered",
            destination=self.lease.destination,
            number=int(rows[0]["number"]),
            reason=outcome.error,
        )
        if wait is None:
            done.failed += changed
            log.error("outbox.given_up", destination=self.lease.destination, number=int(rows[0]["number"]))
        return wait is None

    async def _note(self, done: _Round) -> bool:
        """Store the results; False if the destination is no longer this worker's."""
        counts = {name: count for name, count in (("delivered", done.delivered), ("failed", done.failed)) if count}
        update: dict[str, Any] = {"$inc": counts} if counts else {}
        if changed := self._state_after(done):
            if self.destination["failures"] and not changed["failures"]:
                await release_waiting(self.database, self.lease.destination, now=self.now())
            update["$set"] = changed
            self.destination.update(changed)
        is_mine = not update or await update_held(self.database, self.lease, update)
        if not is_mine and counts:
            # What was delivered counts, even if the destination was disabled or taken meanwhile.
            await self.database[DESTINATIONS].update_one({"_id": self.lease.destination}, {"$inc": counts})
        if done.is_gone:
            await set_enabled(self.database, self.lease.destination, is_enabled=False, actor=WORKER, reason="gone")
        return is_mine

    def _state_after(self, done: _Round) -> Document:
        bad = done.down or done.refused
        if bad is not None and (done.down is not None or not done.delivered):
            failures = self.destination["failures"] + 1 if done.down is not None else 0
            chance = random.random()  # noqa: S311  # no secret
            pause = pause_after(failures, chance=chance, retry_after=bad.retry_after)
            return {
                "failures": failures,
                "blocked_until": self.now() + pause if failures else None,
                "failing_since": self.destination["failing_since"] or self.now(),
                "last_error": bad.error,
            }
        if done.delivered and (self.destination["failing_since"] is not None or self.destination["failures"]):
            return {"failures": 0, "blocked_until": None, "failing_since": None, "last_error": None}
        return {}
