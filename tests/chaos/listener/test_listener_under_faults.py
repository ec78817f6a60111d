"""Two listeners under many faults: history replays to exactly the collection."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database, connect
from docustore.history.models import HISTORY
from indexes.apply import apply_indexes
from tests.chaos.fault_series import FaultSeries, PlannedFault, planned
from tests.chaos.listener.checks import CHECKS
from tests.chaos.listener.deliveries import WebhookDeliveries, webhook_deliveries
from tests.chaos.listener.faults import LONGEST_PAUSE_S, WEIGHTS, ListenerFaults
from tests.chaos.listener.journal import Journal
from tests.chaos.listener.outcome import Outcome, read_outcome
from tests.chaos.listener.poison import Poison
from tests.chaos.listener.rollback import Rollback
from tests.chaos.listener.writers import writing
from tests.chaos.patience import patiently
from tests.chaos.programs import LISTENER, KeptRunning
from tests.chaos.replica_set import three_members, valkey
from tests.chaos.scale import SEED, scaled
from tests.upstreams.mongodb import LEAKS
from tests.waiting import PATIENCE_S, until

FAULTS = int(scaled(bounded=6, full=100))
WRITES_PER_S = scaled(bounded=200, full=500)
LISTENERS = 2
# Half a minute of the full load: no fault but the one that means it makes a listener lose its position.
OPLOG_MIB = 48
ENVIRONMENT = {"DOCUSTORE_CHANGES_LEASE_S": "2"}

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3 * 3600), pytest.mark.filterwarnings(LEAKS)]


@asynccontextmanager
async def listener_faults(
    folder: Path, journal: Journal
) -> AsyncIterator[tuple[ListenerFaults, WebhookDeliveries]]:
    """Start the servers, the listeners, and a worker that calls a webhook."""
    async with AsyncExitStack() as stack:
        replica_set = await stack.enter_async_context(
            three_members(folder / "mongodb", oplog_mib=OPLOG_MIB, is_behind_proxies=True)
        )
        queue = await stack.enter_async_context(valkey(folder / "valkey"))
        settings = Settings(
            mongodb_url=replica_set.url,
            redis_url=f"redis://127.0.0.1:{queue.port}/0",
            mongodb_database="chaos",
            data_dir=folder,
        )
        database = await stack.enter_async_context(connect(settings, app_name="docustore-tests"))
        await apply_indexes(database)
        listeners = [
            KeptRunning(
                *LISTENER, settings=settings, log=folder / f"listener{number}.log", environment=ENVIRONMENT
            )
            for number in range(LISTENERS)
        ]
        for listener in listeners:
            stack.push_async_callback(listener.kill)
            await listener.start()
        await wait_until_applied(database, timeout_s=PATIENCE_S)
        deliveries = await stack.enter_async_context(webhook_deliveries(database, settings, folder))
        faults = ListenerFaults(
            database=database,
            listeners=listeners,
            worker=deliveries.worker,
            replica_set=replica_set,
            valkey=queue,
            rollback=Rollback(database=database, journal=journal),
            poison=Poison(database=database, journal=journal),
        )
        yield faults, deliveries


async def last_number(database: Database) -> int:
    row = await patiently(lambda: database[HISTORY].find_one({}, {"_id": 1}, sort=[("_id", -1)]))
    return 0 if row is None else int(row["_id"])


async def make_all(faults: ListenerFaults, plan: Sequence[PlannedFault]) -> FaultSeries:
    """Make the faults one after another; after each one the listener must go on."""
    series = FaultSeries(faults.by_kind, plan)
    for number, fault in enumerate(plan, start=1):
        started = time.monotonic()
        await series.make_next()
        await faults.restart_what_ended()
        before = await last_number(faults.database)

        async def has_gone_on(before: int = before) -> bool:
            await faults.restart_what_ended()
            return await last_number(faults.database) > before

        await until(has_gone_on, what=f"a change applied after fault {number}, {fault.kind}")
        took_s = time.monotonic() - started
        print(f"{number:3} {fault.kind:17} {took_s:5.1f} s, {before} rows", flush=True)  # noqa: T201
    return series


async def test_history_replays_to_the_collection(tmp_path: Path) -> None:
    """Whatever fails: each write that a majority has is one row, in order, and no other is."""
    plan = planned(WEIGHTS, faults=FAULTS, seed=SEED, longest_pause_s=LONGEST_PAUSE_S)
    print(f"DOCUSTORE_TEST_SEED={SEED}: {', '.join(fault.kind for fault in plan)}")  # noqa: T201
    journal = Journal()
    async with listener_faults(tmp_path, journal) as (faults, deliveries):
        database = faults.database
        started = time.monotonic()
        async with writing(database, journal, writes_per_s=WRITES_PER_S, seed=SEED):
            series = await make_all(faults, plan)
        duration_s = time.monotonic() - started
        await patiently(lambda: wait_until_applied(database, timeout_s=PATIENCE_S))
        await deliveries.wait_until_drained()
        outcome = await read_outcome(
            database,
            deliveries.settings,
            journal.writes,
            lost_positions=series.made["roll_oplog_over"],
            told=deliveries.received,
        )
        report(outcome, series, faults, duration_s)
        for check in CHECKS:
            await check(outcome)

    assert series.made.total() == FAULTS
    for listener in faults.listeners:
        assert "Traceback" not in listener.output
        assert "listener.crashed" not in listener.output


def report(outcome: Outcome, series: FaultSeries, faults: ListenerFaults, duration_s: float) -> None:
    fates: dict[str, int] = {}
    for write in outcome.writes:
        fates[write.fate] = fates.get(write.fate, 0) + 1
    ends = sum(listener.ends for listener in faults.listeners)
    print(  # noqa: T201
        f"{dict(series.made)}: {duration_s:.0f} s, {len(outcome.writes) / duration_s:.0f} writes/s, "
        f"writes {fates}, {len(outcome.rows)} rows, {len(outcome.gaps)} gaps, "
        f"{ends} listeners that ended by themselves"
    )
