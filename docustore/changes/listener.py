"""The listener's loops: stand by, take the lease, bring the store in step, follow the stream; again on failure.

Every failure ends in one of three ways: a passing one reopens everything from the stored position after a
pause; a lost lease makes this listener a standby; anything else stops the process, loudly.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.apply import Writer
from docustore.changes.follow import FollowOptions, follow
from docustore.changes.lease import Lease, kept, owner_name, pause, wait_for_lease
from docustore.changes.pipeline import USERS, Images
from docustore.changes.position import ListenerState, Position, fenced, load_position
from docustore.changes.recovery import Loss, recover
from docustore.changes.snapshot import synchronise
from docustore.changes.stream import EventTooLargeError
from docustore.config import LostPositionPolicy, Settings
from docustore.database import Database
from docustore.errors import ListenerFencedError, PositionLostError
from docustore.transient import is_transient

log = structlog.get_logger()

# Between attempts after passing failures. An attempt that lived for a while starts the pauses anew, which a
# retry library's context cannot know.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 10.0
HEALTHY_AFTER_S: Final = 10.0


async def listen(database: Database, settings: Settings, *, stop: asyncio.Event) -> None:
    """Apply every change of `users` exactly once, until stopped; at most one listener is active at a time.

    When stopped it finishes the batch in hand, and gives the lease back.

    Raises:
        PositionLostError: The position is lost and the policy is `fail`.
        RecoveryLoopError, SnapshotExpiredError: Recovering does not work; the message says what to do.
        PyMongoError: A failure that trying again does not mend.
    """
    owner = owner_name()
    pause_s = FIRST_PAUSE_S
    while not stop.is_set():
        started = time.monotonic()
        try:
            async with database.client.start_session() as session:
                lease = await wait_for_lease(
                    database,
                    owner=owner,
                    lease_s=settings.changes_lease_s,
                    session_id=session.session_id,
                    stop=stop,
                )
                if lease is None:
                    return
                writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
                await _hold(writer, settings, lease, stop=stop)
        except ListenerFencedError as exc:
            log.warning("listener.fenced", owner=owner, reason=str(exc))
        except PyMongoError as exc:
            if not is_transient(exc):
                raise
            if time.monotonic() - started > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            log.warning("listener.interrupted", error=type(exc).__name__, code=_code(exc), retry_in_s=pause_s)
            await pause(pause_s, stop)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _hold(writer: Writer, settings: Settings, lease: Lease, *, stop: asyncio.Event) -> None:
    async with kept(writer.database, lease):
        position = await load_position(writer.database, fence=lease.fence)
        log.info(
            "listener.lease_taken",
            owner=lease.owner,
            fence=lease.fence,
            previous_owner=lease.previous_owner,
            seq=position.seq,
            state=position.state.value,
        )
        work = _Work(writer=writer, settings=settings, lease=lease, stop=stop)
        await work.run(await work.in_step(position))
        if lease.is_lost:
            raise fenced(lease.fence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is done under one lease."""

    writer: Writer
    settings: Settings
    lease: Lease
    stop: asyncio.Event

    def is_over(self) -> bool:
        return self.stop.is_set() or self.lease.is_lost

    async def in_step(self, position: Position) -> Position:
        """Finish what must come before the stream: the first snapshot, or a recovery that was interrupted."""
        if position.state is ListenerState.STREAMING:
            return position
        is_recovery = position.start.token is not None or position.start.start_at is not None
        if is_recovery:
            return await self._recover(position, Loss(reason="recovery_interrupted"))
        started = time.monotonic()
        done = await synchronise(self.writer, position)
        log.info("listener.snapshot_taken", users=done.rows, duration_s=round(time.monotonic() - started, 2))
        return done.position

    async def run(self, position: Position) -> None:
        images = Images.BOTH
        while not self.is_over():
            loss = None
            try:
                ended_by = await follow(self.writer, position, self._options(images), is_over=self.is_over)
                images = Images.BOTH
                if ended_by is not None:
                    loss = Loss(reason=ended_by)
            except EventTooLargeError:
                log.warning("listener.large_event_met")
                images = Images.AFTER
            except PositionLostError as exc:
                loss = Loss(reason="position_lost", code=exc.code)
            position = await load_position(self.writer.database, fence=self.lease.fence)
            if loss is not None:
                position = await self._recover(position, loss)

    async def _recover(self, position: Position, loss: Loss) -> Position:
        policy = self.settings.changes_on_lost_position
        if policy is LostPositionPolicy.FAIL:
            raise PositionLostError(stream=USERS, code=loss.code)
        return await recover(self.writer, position, loss, policy=policy)

    def _options(self, images: Images) -> FollowOptions:
        return FollowOptions(
            batch_size=self.settings.changes_batch_size,
            images=images,
            idle_save_s=self.lease.lease_ms / 3000,
        )


def _code(error: PyMongoError) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None
