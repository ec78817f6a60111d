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
from docustore.changes.counts import with_counts
from docustore.changes.dead_letters import held_users
from docustore.changes.derived.derivation import Derivations
from docustore.changes.derived.run import derived_effects
from docustore.changes.effects.building import EffectBuilding, unbuilt
from docustore.changes.effects.effect import Effects, chunked
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.follow import FollowOptions, follow, has_reached
from docustore.changes.incidents import note_failure
from docustore.changes.isolation import Isolation
from docustore.changes.layout import unite
from docustore.changes.lease import Lease, kept, owner_name, pause, wait_for_lease
from docustore.changes.members import Member, membership
from docustore.changes.pipeline import Images
from docustore.changes.position import ListenerState, Position, fenced, load_position
from docustore.changes.recovery import Loss, recover
from docustore.changes.replay import replay_requested
from docustore.changes.requirements import require_followable
from docustore.changes.snapshot import SnapshotRun
from docustore.changes.spread import Spread
from docustore.changes.stream import EventTooLargeError
from docustore.cluster_time import last_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import ListenerFencedError, PositionLostError
from docustore.transient import is_transient

log = structlog.get_logger()

# Pauses between attempts after transient failures. An attempt that was healthy for a while resets the pause; the
# context of a retry library cannot express that.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 10.0
HEALTHY_AFTER_S: Final = 10.0
# How soon a paused listener notices that its lease is lost.
REST_S: Final = 0.2
# The longest time without news of an idle partition: the figures of all are those of the partition that is behind.
PARTITION_SAVE_S: Final = 1.0


async def listen(
    database: Database,
    settings: Settings,
    *,
    stop: asyncio.Event,
    effects: Effects = EFFECTS,
    derived: Derivations = DERIVED,
) -> None:
    """Apply every change of `users` exactly once, until stopped.

    At most one listener is active at a time, for each partition. When stopped it finishes the current batch and
    gives its leases back. The derived effects are kept beside it, by this listener or by a standby.

    Raises:
        PositionLostError: The position is lost and the policy is `fail`.
        RecoveryLoopError, SnapshotExpiredError: A recovery failed; the message names the next step.
        UnsupportedStoreError: The server or the collection has no changes that can be followed.
        PyMongoError: A non-retryable failure.
    """
    async with derived_effects(database, derived, settings, stop=stop):
        await _listen(database, settings, stop=stop, effects=effects)


async def _listen(database: Database, settings: Settings, *, stop: asyncio.Event, effects: Effects) -> None:
    pause_s = FIRST_PAUSE_S

    async def may_divide() -> bool:
        return not await unbuilt(database, effects)

    async with membership(database, settings, name=owner_name(), may_divide=may_divide, stop=stop) as member:
        while not member.halt.is_set():
            started = time.monotonic()
            try:
                await _take_part(member, effects)
            except ListenerFencedError as exc:
                log.warning("listener.fenced", owner=member.name, reason=str(exc))
            except PyMongoError as exc:
                if not is_transient(exc):
                    raise
                if time.monotonic() - started > HEALTHY_AFTER_S:
                    pause_s = FIRST_PAUSE_S
                log.warning("listener.interrupted", error=type(exc).__name__, code=_code(exc), retry_in_s=pause_s)
                await pause(pause_s, member.halt)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _take_part(member: Member, effects: Effects) -> None:
    """Work on all users, or on a share of the partitions.

    Return where the number of partitions changes.
    """
    database, settings = member.database, member.settings

    async def hold(writer: Writer, lease: Lease, stop: asyncio.Event) -> None:
        await _hold(_Work(writer=writer, settings=settings, lease=lease, stop=stop, effects=effects))

    partitions = await member.join()
    if partitions > 1:
        await Spread(database=database, settings=settings, member=member, partitions=partitions, hold=hold).run()
        return
    async with database.client.start_session() as session:
        lease = await wait_for_lease(
            database,
            owner=member.name,
            lease_s=settings.changes_lease_s,
            session_id=session.session_id,
            stop=member.halt,
        )
        if lease is not None:
            writer = Writer(database=database, session=session, lease_ms=lease.lease_ms)
            await hold(writer, lease, member.halt)


async def _hold(work: "_Work") -> None:
    lease, database = work.lease, work.writer.database
    async with kept(database, lease):
        try:
            await require_followable(database)
            position = await load_position(database, fence=lease.fence, position_id=lease.position_id)
            log.info(
                "listener.lease_taken",
                position=lease.position_id,
                owner=lease.owner,
                fence=lease.fence,
                previous_owner=lease.previous_owner,
                seq=position.seq,
                state=position.state.value,
            )
            position = await with_counts(work.writer, position)
            if position.is_paused:
                await work.rest()
            else:
                await work.run(position)
        except Exception as exc:
            if not isinstance(exc, ListenerFencedError):
                await note_failure(database, lease, exc)
            raise
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

    async def rest(self) -> None:
        """Keep the lease of a paused listener.

        A command that resumes it takes the lease away.
        """
        log.warning("listener.paused", fence=self.lease.fence)
        while not self.is_over():
            await pause(REST_S, self.stop)

    async def run(self, position: Position) -> None:
        isolation = Isolation(
            writer=self.writer, effects=self.effects, held=await held_users(self.writer.database)
        )
        snapshot = SnapshotRun(writer=self.writer, effects=self.effects, isolation=isolation)
        building = EffectBuilding(self.writer, self.effects, await unbuilt(self.writer.database, self.effects))
        isolation.effects = building.ready
        if position.partition is not None and not building.is_done:
            # An effect is built as of the position of all users.
            await unite(self.writer.database, position, reason="effects_to_build")
            return
        if position.state is ListenerState.STREAMING:
            position = await replay_requested(isolation, position)
        await self._run(position, isolation, snapshot, building)

    async def _run(
        self, position: Position, isolation: Isolation, snapshot: SnapshotRun, building: EffectBuilding
    ) -> None:
        images, until = Images.BOTH, None
        while not self.is_over():
            loss, isolation.effects = None, building.ready
            try:
                if position.state is ListenerState.STREAMING or snapshot.needs_stream(position):
                    options = await self._options(position, isolation, images, building)
                    until = options.until
                    ended_by = await follow(self.writer, position, options, is_over=self.is_over)
                    images = Images.BOTH
                    loss = None if ended_by is None else Loss(reason=ended_by)
                else:
                    position = await self._synchronise(snapshot, position)
                    if position.state is ListenerState.STREAMING:
                        building.note_snapshot()
                    continue
            except EventTooLargeError:
                images = Images.AFTER if images is Images.BOTH else Images.NONE
                log.warning("listener.large_event_met", images=images.value)
            except PositionLostError as exc:
                loss = Loss(reason="position_lost", code=exc.code)
            position = await load_position(
                self.writer.database, fence=self.lease.fence, position_id=self.lease.position_id
            )
            if has_reached(position, until):
                snapshot.note_fresh()
                position = await building.build(position)
            if loss is not None and position.partition is not None:
                await unite(self.writer.database, position, reason=loss.reason)
                return
            if loss is not None:
                await require_followable(self.writer.database)
                position = await self._recover(position, loss)

    async def _synchronise(self, snapshot: SnapshotRun, position: Position) -> Position:
        """Continue a snapshot.

        One that an older release left in a recovery is a gap first.
        """
        has_start = position.start.token is not None or position.start.start_at is not None
        if position.snapshot is None and has_start:
            position = await self._recover(position, Loss(reason="recovery_interrupted"))
        return await snapshot.advance(position, is_over=self.is_over)

    async def _recover(self, position: Position, loss: Loss) -> Position:
        return await recover(self.writer, position, loss, policy=self.settings.changes_on_lost_position)

    async def _options(
        self, position: Position, isolation: Isolation, images: Images, building: EffectBuilding
    ) -> FollowOptions:
        snapshot = position.snapshot
        is_streaming = snapshot is None
        boundary = None if snapshot is None or snapshot.is_users_read else snapshot.after
        idle_save_s = self.lease.lease_ms / 3000
        return FollowOptions(
            batch_size=self.settings.changes_batch_size,
            images=images,
            effects=building.ready if is_streaming else chunked(self.effects),
            isolation=isolation,
            idle_save_s=idle_save_s if position.partition is None else min(idle_save_s, PARTITION_SAVE_S),
            boundary=boundary,
            # An effect is built at an exact position of the present.
            until=None if is_streaming and building.is_done else await last_applied(self.writer.database),
        )


def _code(error: PyMongoError) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None
