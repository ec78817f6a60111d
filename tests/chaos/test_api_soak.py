"""Many requests while processes of the API are killed at random."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.security.api_keys import create_key
from docustore.security.models import Scope
from tests.api_process import ApiProcess
from tests.chaos.cpu_table import cpu_table
from tests.chaos.programs import LISTENER, program
from tests.chaos.raw_client import RawClient
from tests.chaos.scale import SEED, scaled
from tests.chaos.soak import Acknowledged, Soak, documented_statuses
from tests.listening import assert_consistent, history_of

PROCESSES = 2
# Of the full form. A minute shows the rate.
FULL_S = float(os.environ.get("DOCUSTORE_TEST_SOAK_S", "600"))
DURATION_S = scaled(bounded=8, full=FULL_S)
REQUESTS_PER_S = scaled(bounded=60, full=200)
# A start takes more than a second of one core, which the load then lacks.
BETWEEN_KILLS_S = scaled(bounded=3, full=20)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]


@asynccontextmanager
async def _killed_at_random(processes: list[ApiProcess], chance: random.Random) -> AsyncIterator[list[ApiProcess]]:
    """Kill and restart random processes during the block; yield the killed ones."""
    killed: list[ApiProcess] = []
    is_over = asyncio.Event()

    async def kill() -> None:
        while not is_over.is_set():
            try:
                await asyncio.wait_for(is_over.wait(), timeout=chance.uniform(0.2, 2 * BETWEEN_KILLS_S))
            except TimeoutError:
                victim = chance.choice(processes)
                await victim.kill()
                killed.append(victim)
                await victim.start()

    killing = asyncio.create_task(kill())
    yield killed
    is_over.set()
    await killing


async def test_acknowledged_writes_survive_kills(database: Database, settings: Settings, tmp_path: Path) -> None:
    """Every acknowledged write is in history; every status is a documented one."""
    chance = random.Random(SEED)
    new = await create_key(name="soak", scope=Scope.WRITE)
    headers = {"authorization": f"Bearer {new.key}"}
    async with AsyncExitStack() as stack:
        processes = [ApiProcess(settings, tmp_path / f"api{n}.log", stack) for n in range(PROCESSES)]
        await asyncio.gather(*(process.start() for process in processes))
        clients = [RawClient(process.port, headers) for process in processes]
        for client in clients:
            stack.callback(client.close)
        document = (await clients[0].request("GET", "/schema/openapi.json")).json()
        soak = Soak(clients=clients, documented=documented_statuses(document), random=chance)
        # In its own process, so that it does not share one with the load.
        async with program(*LISTENER, settings=settings, log=tmp_path / "listener.log") as listener:

            def named() -> dict[int, str]:
                apis = dict.fromkeys((process.pid for process in processes), "api")
                return {os.getpid(): "client", listener.pid: "listener", **apis}

            # A snapshot would show only the last version of the users that it finds.
            await wait_until_applied(database)
            async with cpu_table(named) as table, _killed_at_random(processes, chance) as killed:
                await soak.run(duration_s=DURATION_S, requests_per_s=REQUESTS_PER_S)
            await wait_until_applied(database)
        print(_summary(soak, kills=len(killed), table=table))  # noqa: T201

    assert soak.undocumented == []
    assert killed
    assert len(soak.acknowledged) > DURATION_S
    rows = await history_of(database)
    stored = {(str(row["user_id"]), row["after"]["version"]): row["after"] for row in rows}
    assert [write for write in soak.acknowledged if not _is_in(stored, write)] == []
    inserted = [row["after"]["email"] for row in rows if row["operation"] == "insert"]
    assert len(inserted) == len(set(inserted))
    await assert_consistent(database)


def _summary(soak: Soak, *, kills: int, table: Mapping[str, float]) -> str:
    answered, sent = soak.statuses.total(), soak.statuses.total() + soak.unanswered
    cores = {name: round(seconds / DURATION_S, 2) for name, seconds in sorted(table.items())}
    return (
        f"{sent / DURATION_S:.0f} requests/s sent, {answered / DURATION_S:.0f}/s answered, {kills} kills, "
        f"{len(soak.acknowledged)} acknowledged writes, statuses {dict(soak.statuses)}, "
        f"503 {dict(soak.delayed)}, "
        f"cores {cores}, {sum(cores.values()):.2f} in all"
    )


def _is_in(stored: dict[tuple[str, int], dict[str, object]], write: Acknowledged) -> bool:
    user = stored.get((write.user_id, write.version))
    if user is None or (user.get("deleted_at") is not None) is not write.is_deleted:
        return False
    return all(user[name] == value for name, value in write.fields.items())
