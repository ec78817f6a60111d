"""The listener's loops: take the lease, synchronise, follow, retry.

Every failure ends in one of three ways. A transient failure reopens everything from the stored position after a
pause. A lost lease makes this listener a standby. Any other failure stops the process with an error.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from docustore.changes.apply import Writer
from docustore.changes.effects.effect import Effects
from docustore.changes.effects.registry import EFFECTS
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

# Pauses between attempts after transient failures. An attempt that was healthy for a while resets the pause; the
# context of a retry library cannot express that.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 10.0
HEALTHY_AFTER_S: Final = 10.0


async def listen(
    database: Database, settings: Settings, *, stop: asyncio.Event, effects: Effects = EFFECTS
) -> None:
    """Apply every change of `users` exactly once, until stopped.

    At most one listener is active at a time. When stopped it finishes the current batch and gives the lease back.

    Raises:
        PositionLostError: The position is lost and the policy is `fail`.
        RecoveryLoopError, SnapshotExpiredError: A recovery failed; the message names the next step.
        PyMongoError: A non-retryable failure.
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
                await _hold(_Work(writer=writer, settings=settings, lease=lease, stop=stop, effects=effects))
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


async def _hold(work: "_Work") -> None:
    lease = work.lease
    async with kept(work.writer.database, lease):
        position = await load_position(work.writer.database, fence=lease.fence)
        log.info(
            "listener.lease_taken",
            owner=lease.owner,
            fence=lease.fence,
            previous_owner=lease.previous_owner,
            seq=position.seq,
            state=position.state.value,
        )
        await work.run(await work.ready(position))
        if lease.is_lost:
            raise fenced(lease.fence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """The work under one lease."""

    writer: Writer
    settings: Settings
    lease: Lease
    stop: asyncio.Event
    effects: Effects

    def is_over(self) -> bool:
        return self.stop.is_set() or self.lease.is_lost

    async def ready(self, position: Position) -> Position:
        """Take the first snapshot or finish an interrupted recovery.

        The stream opens after it.
        """
        if position.state is ListenerState.STREAMING:
            return position
        is_recovery = position.start.token is not None or position.start.start_at is not None
        if is_recovery:
            return await self._recover(position, Loss(reason="recovery_interrupted"))
        started = time.monotonic()
        done = await synchronise(self.writer, position, effects=self.effects)
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
        return await recover(self.writer, position, loss, policy=policy, effects=self.effects)

    def _options(self, images: Images) -> FollowOptions:
        return FollowOptions(
            batch_size=self.settings.changes_batch_size,
            images=images,
            effects=self.effects,
            idle_save_s=self.lease.lease_ms / 3000,
        )


def _code(error: PyMongoError) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None
