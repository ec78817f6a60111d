"""Loads from all kinds of sources under random faults end as undisturbed loads do."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from docustore.etl.models import EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.run import RunEnvironment, execute_run
from docustore.etl.schedule import create_run, tick
from docustore.queue import enqueue_run, open_queue
from docustore.source_options.kind import SourceKind
from indexes.apply import apply_indexes
from tests.chaos.etl.directory import Directory
from tests.chaos.etl.faults import LONGEST_PAUSE_S, WEIGHTS, Faults
from tests.chaos.fault_series import FaultSeries, planned
from tests.chaos.patience import patiently
from tests.chaos.programs import LISTENER, WORKER, KeptRunning
from tests.chaos.replica_set import three_members, valkey
from tests.chaos.scale import SEED, scaled
from tests.conftest import Servers
from tests.listening import assert_consistent, listening
from tests.upstreams.mongodb import LEAKS
from tests.upstreams.start import upstream_of
from tests.upstreams.upstream import Upstream

ROUNDS = int(scaled(bounded=2, full=10))
FAULTS_PER_ROUND = int(scaled(bounded=3, full=10))
RECORDS = int(scaled(bounded=300, full=2000))
# All rounds are within the window of each run: the times of the records are those of the seed.
ALWAYS_S = 10 * 365 * 86_400
LATER = timedelta(hours=2)
HIDDEN = dict.fromkeys(("_id", "created_at", "updated_at", "version", "updated_by", "cause"), 0)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600), pytest.mark.filterwarnings(LEAKS)]


@asynccontextmanager
async def upstreams(folder: Path, servers: Servers) -> AsyncIterator[dict[str, Upstream]]:
    """Start one system of each kind."""
    async with AsyncExitStack() as stack:
        found = {}
        for kind in SourceKind:
            (place := folder / kind.value).mkdir(parents=True)
            opened = upstream_of(kind, place, mongodb_url=servers.mongodb_url)
            found[kind.value] = await stack.enter_async_context(opened)
        yield found


def directories() -> dict[str, Directory]:
    return {kind.value: Directory(source=kind.value, random=Random(SEED), size=RECORDS) for kind in SourceKind}


def with_sources(settings: Settings, systems: Mapping[str, Upstream]) -> Settings:
    limits = {"max_deactivated_pct": 100}
    sources = {name: system.settings(schedule="off", limits=limits) for name, system in systems.items()}
    return settings.model_copy(update={"sources": sources})


async def undisturbed(settings: Settings, folder: Path, servers: Servers) -> dict[str, Any]:
    """Load every round, one source after another, without a fault."""
    async with (
        upstreams(folder, servers) as systems,
        open_database(settings, app_name="docustore-tests") as database,
    ):
        await apply_indexes(database)
        configured, upstream = with_sources(settings, systems), directories()
        environment = RunEnvironment(database=database, settings=configured, owner="undisturbed")
        async with listening(database, settings):
            for _ in range(ROUNDS):
                for name, system in systems.items():
                    await system.put(upstream[name].next_round())
                    run = await new_run(name)
                    done = await execute_run(str(run.id), configured.sources[name], environment)
                    assert done.state is RunState.SUCCEEDED, done.error
            await wait_until_applied(database)
        await assert_consistent(database)
        return await content(database)


async def new_run(name: str) -> EtlRun:
    return await create_run(name, trigger=RunTrigger.API, options=RunOptions(), now=now_utc())


async def content(database: Database) -> dict[str, Any]:
    """Return what must not depend on faults."""
    quarantined = database["etl_quarantine"].find({}, {"_id": 0, "source": 1, "fingerprint": 1, "state": 1})
    runs = await EtlRun.find(EtlRun.state == RunState.SUCCEEDED).to_list()
    loaded, ended = Counter[str](), Counter[str]()
    for run in runs:
        assert run.counts.is_balanced
        # Which of two sources inserts a common person depends on their order, also without faults.
        loaded[run.source] += run.counts.inserted + run.counts.updated
        ended[run.source] += run.counts.deactivated
    return {
        "users": {user["email"]: timeless(user) async for user in database["users"].find({}, HIDDEN)},
        "quarantine": sorted([tuple(row.values()) async for row in quarantined]),
        "loaded": loaded,
        "ended": ended,
        "marts": await database["user_stats"].find_one({"_id": "users"}, {"_id": 0, "total": 1, "by_status": 1}),
    }


def timeless(user: dict[str, Any]) -> dict[str, Any]:
    """Leave out the times of insertion, which identities take over from their users."""
    for identity in user["identities"]:
        identity.get("values", {}).pop("created_at", None)
    user["identities"].sort(key=lambda identity: identity["key"])
    return user


class Loader:
    """Starts runs, and wakes workers more often than their own ticks do."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def start_runs(self) -> None:
        for name in self._settings.sources:
            await patiently(lambda name=name: new_run(name))

    async def wake(self) -> int:
        """Return how many runs are open."""
        return int(await patiently(self._wake))

    async def _wake(self) -> int:
        # The clock is ahead: a run that was put off is due now.
        now = now_utc() + LATER
        due = await tick(self._database, self._settings.sources, now=now, max_attempts=1000)
        async with open_queue(self._settings) as queue:
            for run in due:
                await enqueue_run(queue, str(run.id), fence=run.fence, now=now)
        return await EtlRun.find({"state": {"$in": [RunState.DUE, RunState.RUNNING]}}).count()


async def test_faults_change_nothing(servers: Servers, tmp_path: Path) -> None:
    """Users, history, marts, quarantine and counts are those of the undisturbed loads."""
    plan = planned(WEIGHTS, faults=ROUNDS * FAULTS_PER_ROUND, seed=SEED, longest_pause_s=LONGEST_PAUSE_S)
    async with three_members(tmp_path / "mongodb") as replica_set, valkey(tmp_path / "valkey") as queue:
        calm = Settings(
            mongodb_url=replica_set.url,
            redis_url=f"redis://127.0.0.1:{queue.port}/0",
            mongodb_database="undisturbed",
            data_dir=tmp_path,
            etl_batch_size=50,
            etl_lag_window_s=ALWAYS_S,
            etl_lease_s=3,
            etl_max_attempts=1000,
        )
        wanted = await undisturbed(calm, tmp_path / "calm", servers)

        async with (
            upstreams(tmp_path / "faulty", servers) as systems,
            open_database(
                calm.model_copy(update={"mongodb_database": "faulty"}), app_name="docustore-tests"
            ) as database,
        ):
            await apply_indexes(database)
            settings = with_sources(calm.model_copy(update={"mongodb_database": "faulty"}), systems)
            processes = [
                KeptRunning(
                    *command, settings=settings, log=tmp_path / f"{name}.log", environment=variables(settings)
                )
                for name, command in (("worker1", WORKER), ("worker2", WORKER), ("listener", LISTENER))
            ]
            faults = Faults(
                workers=processes[:2],
                listener=processes[2],
                upstreams=list(systems.values()),
                replica_set=replica_set,
                valkey=queue,
            )
            series = FaultSeries(faults.by_kind, plan)
            loader, upstream = Loader(database, settings), directories()
            try:
                await faults.restart_what_ended()
                for _ in range(ROUNDS):
                    for name, system in systems.items():
                        await system.put(upstream[name].next_round())
                    await loader.start_runs()
                    for _ in range(FAULTS_PER_ROUND):
                        if not await loader.wake():
                            await loader.start_runs()
                            await loader.wake()
                        await series.make_next()
                        await faults.restart_what_ended()
                    while await loader.wake():
                        await faults.restart_what_ended()
                        await asyncio.sleep(0.2)  # paces the polling
                await wait_until_applied(database)
            finally:
                for process in processes:
                    await process.kill()

            print(f"faults: {dict(series.made)}")  # noqa: T201
            failed = await EtlRun.find(EtlRun.state != RunState.SUCCEEDED).to_list()
            assert [(run.source, run.state, run.error) for run in failed] == []
            await assert_consistent(database)
            found = await content(database)
            database_users = len(found["users"])
    assert series.made.total() == ROUNDS * FAULTS_PER_ROUND
    assert {email: user for email, user in found.pop("users").items() if wanted["users"].get(email) != user} == {}
    assert len(wanted.pop("users")) == database_users
    # Written by a killed worker, then overwritten by another record of the same user before the resumed run reads
    # it again: such a record counts as unchanged (ADR 0005).
    loaded, most = found.pop("loaded"), wanted.pop("loaded")
    assert {
        name: n for name, n in loaded.items() if not most[name] - upstream[name].shared <= n <= most[name]
    } == {}
    assert found == wanted


def variables(settings: Settings) -> dict[str, str]:
    sources = {
        name: source.model_dump(mode="json", exclude_unset=True) for name, source in settings.sources.items()
    }
    return {
        "DOCUSTORE_SOURCES": json.dumps(sources),
        "DOCUSTORE_ETL_BATCH_SIZE": str(settings.etl_batch_size),
        "DOCUSTORE_ETL_LAG_WINDOW_S": str(settings.etl_lag_window_s),
        "DOCUSTORE_ETL_LEASE_S": str(settings.etl_lease_s),
        "DOCUSTORE_ETL_MAX_ATTEMPTS": str(settings.etl_max_attempts),
    }
