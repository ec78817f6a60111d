"""A random history by API, ETL and foreign clients, with kills in between.

Afterwards every live figure equals one that is computed from users and history, per rule and per mart.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from httpx2 import AsyncClient, TransportError

from docustore.changes.effects.registry import DERIVED
from docustore.changes.status import wait_until_applied
from docustore.clock import now_utc
from docustore.effect_states import EFFECT_STATES
from docustore.etl.models import EtlRun, RunState
from docustore.security.api_keys import create_key
from docustore.security.models import Scope
from tests.chaos.etl.test_loads_under_faults import Loader
from tests.chaos.fault_series import FaultSeries, planned
from tests.chaos.histories import comparison
from tests.chaos.histories.faults import LONGEST_PAUSE_S, WEIGHTS, HistoryFaults
from tests.chaos.histories.foreign import ForeignClient, write_patiently
from tests.chaos.histories.loads import Loads, load_patiently
from tests.chaos.histories.mart_model import past_of
from tests.chaos.histories.population import Population
from tests.chaos.histories.reading import read_rows, read_users
from tests.chaos.histories.requests import ApiClients, request_patiently
from tests.chaos.histories.service import Service, service
from tests.chaos.histories.values import Values
from tests.chaos.patience import patiently
from tests.chaos.scale import IS_FULL, SEED, scaled
from tests.chaos.soak import documented_statuses
from tests.waiting import until

# The share of each writer. Two records of one user may be one change, so the sum is a little more than the target.
CHANGES = int(scaled(bounded=1_000, full=50_000))
QUOTAS = {
    "api": int(CHANGES * 0.15),
    "etl": int(CHANGES * 0.45),
    "foreign": int(CHANGES * 0.45),
}
# The bounded form makes each of the others once; a kill of MongoDB would take a third of its time.
KINDS = WEIGHTS if IS_FULL else {kind: n for kind, n in WEIGHTS.items() if kind not in {"kill_mongodb", "rebuild"}}
FAULTS = int(scaled(bounded=len(KINDS), full=40))
APIS = int(scaled(bounded=1, full=2))
API_CLIENTS = int(scaled(bounded=2, full=6))
FOREIGN_CLIENTS = 2
RECORDS_PER_ROUND = int(scaled(bounded=200, full=1_500))

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(2 * 3600)]


@asynccontextmanager
async def api_clients(running: Service, population: Population, values: Values) -> AsyncIterator[ApiClients]:
    new = await create_key(name="histories", scope=Scope.ADMIN)
    headers = {"authorization": f"Bearer {new.key}"}
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(base_url=url, headers=headers, timeout=60))
            for url in running.urls
        ]
        await asyncio.gather(*(until(lambda client=client: is_live(client), what="an API") for client in clients))  # type: ignore[misc]
        document = (await clients[0].get("/schema/openapi.json")).json()
        yield ApiClients(
            clients=clients,
            documented=documented_statuses(document),
            population=population,
            values=values,
            random=Random(SEED),
        )


async def is_live(client: AsyncClient) -> bool:
    try:
        return bool((await client.get("/health/live")).is_success)
    except TransportError:
        return False


def made_in_all(population: Population) -> int:
    """Return the changes so far; a writer that is ahead does not count for the others."""
    return sum(min(population.made[name], quota) for name, quota in QUOTAS.items())


async def make_faults(faults: HistoryFaults, population: Population) -> FaultSeries:
    """Make one fault after each part of the history, however fast the machine is."""
    plan = planned(KINDS, faults=FAULTS, seed=SEED, longest_pause_s=LONGEST_PAUSE_S)
    series, total = FaultSeries(faults.by_kind, plan), sum(QUOTAS.values())
    for number, fault in enumerate(plan, start=1):
        due = total * number // (FAULTS + 1)

        async def is_due(due: int = due) -> bool:
            await faults.restart_what_ended()
            return made_in_all(population) >= due

        await until(is_due, timeout_s=3600, what=f"{due} changes")
        started = time.monotonic()
        await series.make_next()
        took_s = time.monotonic() - started
        print(f"{number:3} {fault.kind:14} {took_s:5.1f} s, {dict(population.made)}", flush=True)  # noqa: T201
    return series


async def until_current(running: Service) -> None:
    """Wait until the listener and every derived effect hold the last change, under the present rules."""
    database = running.database
    seq = await patiently(lambda: wait_until_applied(database, timeout_s=600))
    for derived in DERIVED:
        wanted = {
            "_id": derived.name,
            "configuration": derived(running.settings).configuration,
            "state": "live",
            "seq": {"$gte": seq},
        }
        await until(
            lambda wanted=wanted: database[EFFECT_STATES].find_one(wanted),  # type: ignore[misc]
            timeout_s=600,
            what=f"{derived.name} holds every change",
        )


async def write_history(running: Service, clients: ApiClients, folder: Path) -> FaultSeries:
    """Let all writers write at the same time, with faults in between."""
    population, values = clients.population, clients.values
    loads = Loads(
        database=running.database,
        loader=Loader(running.database, running.settings),
        folder=folder,
        population=population,
        values=values,
        random=Random(SEED + 1),
        records_per_round=RECORDS_PER_ROUND,
    )
    foreign = [
        ForeignClient(running.foreign, population, values, Random(SEED + 2 + number))
        for number in range(FOREIGN_CLIENTS)
    ]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load_patiently(loads, quota=QUOTAS["etl"]))
        for client in foreign:
            tasks.create_task(write_patiently(client, population, quota=QUOTAS["foreign"]))
        for _ in range(API_CLIENTS):
            tasks.create_task(request_patiently(clients, quota=QUOTAS["api"]))
        faults = tasks.create_task(make_faults(HistoryFaults(service=running), population))
    return faults.result()


async def with_present_rules(running: Service, client: AsyncClient) -> None:
    """Start an API again: it judges by the rules of its start."""
    await running.apis[0].kill()
    await running.apis[0].start()
    await until(lambda: is_live(client), what="an API")


async def compare(running: Service, client: AsyncClient) -> None:
    """Compare everything; nothing writes any more."""
    database, now = running.database, now_utc().replace(tzinfo=None)
    users, past = await read_users(database), await past_of(read_rows(database))
    await comparison.check_own_checks(running, client)
    await comparison.check_quality(running, users, now=now)
    await comparison.check_report_of_the_api(running, client, users)
    await comparison.check_marts(database, users)
    await comparison.check_cube(database, users, past)
    await comparison.check_answers(client)


async def check_ends(running: Service, clients: ApiClients) -> None:
    """No run has failed, no answer was undocumented, and no process has met an unknown error."""
    assert clients.undocumented == []
    failed = await EtlRun.find(EtlRun.state != RunState.SUCCEEDED).to_list()
    assert [(run.source, run.state, run.error) for run in failed] == []
    for program in running.programs:
        assert "effect.failed" not in program.output
        assert "effect.user_failed" not in program.output
        assert "listener.crashed" not in program.output


async def test_live_figures_equal_recomputed_ones(tmp_path: Path) -> None:
    """Per rule and per mart, after any history."""
    begin = now_utc().replace(tzinfo=None, microsecond=0)
    population = Population()
    values = Values(Random(SEED), begin=begin, people=CHANGES // 5)
    started = time.monotonic()
    async with service(tmp_path, apis=APIS) as running, api_clients(running, population, values) as clients:
        # The users that are gone before a listener has begun are in no history.
        await wait_until_applied(running.database)
        series = await write_history(running, clients, tmp_path)
        wrote_s = time.monotonic() - started
        await HistoryFaults(service=running).restart_what_ended()
        await until_current(running)
        await with_present_rules(running, clients.clients[0])

        await compare(running, clients.clients[0])
        await check_ends(running, clients)
        rows = (await past_of(read_rows(running.database))).writers
        print(  # noqa: T201
            f"DOCUSTORE_TEST_SEED={SEED}: {rows.total()} changes {dict(rows)}, "
            f"acknowledged {dict(population.made)}, refused {dict(population.refused)}, "
            f"unknown {dict(population.unknown)}, "
            f"statuses {dict(clients.statuses)}, faults {dict(series.made)}, "
            f"{wrote_s:.0f} s of writes, {time.monotonic() - started:.0f} s in all"
        )
    assert series.made.total() == FAULTS
    assert rows.total() >= CHANGES
