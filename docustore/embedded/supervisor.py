"""The service as one unit: servers, preparation, children, readiness, drain."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import httpx2
import structlog

from docustore.config import Settings
from docustore.embedded.data_dir import claimed
from docustore.embedded.endpoints_file import Endpoints, EndpointsFile
from docustore.embedded.environment import child_environment
from docustore.embedded.mongod import Mongod
from docustore.embedded.ports import settled_port
from docustore.embedded.processes import last_lines, spawn
from docustore.embedded.resolve import with_servers
from docustore.embedded.servers import embedded_servers
from docustore.embedded.service import ServicePlan
from docustore.embedded.supervised_program import LogEvents, OnRestart, SupervisedProgram
from docustore.embedded.valkey import Valkey
from docustore.errors import ConfigurationError, ServiceStartError

# Start of Python, of the application, and its first answer from both servers; a busy small machine takes 10 s.
READY_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.1
# A child that ended this often before the service was ready will not recover by itself.
HOPELESS_ENDS: Final = 4
ANY_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not bound to
CHILD_EVENTS: Final = LogEvents(
    subject="child",
    ended="supervisor.child_ended",
    restarted="supervisor.child_restarted",
    start_failed="supervisor.spawn_failed",
)

log = structlog.get_logger()


@asynccontextmanager
async def running_service(
    settings: Settings, *, plan: ServicePlan, hurry: asyncio.Event | None = None
) -> AsyncIterator[Endpoints]:
    """Run the whole service for the length of the block.

    The service is ready when the block begins. Servers that are not configured are embedded. Children that end are
    restarted. While the block runs, `endpoints.json` in the data folder holds the addresses and the current
    process ids. At the end the children are drained one after another, then the servers. No process survives this
    one, however it ends. Enter the block in the main thread (see `spawn`).

    Args:
        hurry: Set at any time to kill what still runs instead of waiting for it.

    Raises:
        ConfigurationError: The port is taken, or only one of the two servers is configured.
        DataDirBusyError: Another live process uses the data folder.
        EmbeddedServerError: A server cannot be started.
        ServiceStartError: The API did not become ready.
    """
    hurry = hurry or asyncio.Event()
    file = EndpointsFile(settings.data_dir)
    async with _located_servers(settings, file, hurry) as servers:
        # After the data folder is held: a second start on one folder must report the folder, not the port.
        located = servers.model_copy(update={"port": settled_port(settings.port, host=settings.host)})
        if plan.prepare is not None:
            await plan.prepare(located)
        children = _children(plan, located, on_restart=file.note_start)
        http_url = http_url_of(located)
        try:
            for child in children:
                await child.start()
                file.note_start(child.name, child.pid)
            await _until_ready(plan, http_url, children)
            yield file.publish(
                Endpoints(
                    http_url=http_url,
                    mongodb_url=located.mongodb_url or "",
                    redis_url=located.redis_url or "",
                    pids={},
                )
            )
        finally:
            file.remove()
            for child in children:
                await child.stop(hurry=hurry)
                log.info("supervisor.child_drained", child=child.name)


@asynccontextmanager
async def _located_servers(
    settings: Settings, file: EndpointsFile, hurry: asyncio.Event
) -> AsyncIterator[Settings]:
    """Hold the data folder, with embedded servers in it when none are configured."""
    if settings.mongodb_url is not None:
        if settings.redis_url is None:
            raise ConfigurationError(
                setting="DOCUSTORE_REDIS_URL",
                problem="set it too: no server is embedded when DOCUSTORE_MONGODB_URL is set",
            )
        with claimed(settings.data_dir):
            yield settings
        return
    async with embedded_servers(
        settings.data_dir, oplog_mib=settings.oplog_mib, hurry=hurry, on_restart=file.note_start
    ) as servers:
        file.note_start(Mongod.name, servers.mongod_pid)
        file.note_start(Valkey.name, servers.valkey_pid)
        yield with_servers(settings, servers)


def _children(plan: ServicePlan, settings: Settings, *, on_restart: OnRestart) -> list[SupervisedProgram]:
    logs, environment = settings.data_dir / "logs", child_environment(settings)
    paths = {name: logs / f"{name}.log" for name in plan.children}
    return [
        SupervisedProgram(
            name,
            partial(spawn, command, log_path=paths[name], environment=environment),
            log_path=paths[name],
            events=CHILD_EVENTS,
            on_restart=on_restart,
        )
        for name, command in plan.children.items()
    ]


def http_url_of(settings: Settings) -> str:
    """Return the URL of the API for a client on this machine."""
    host = ANY_HOSTS.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def _until_ready(plan: ServicePlan, http_url: str, children: Sequence[SupervisedProgram]) -> None:
    if plan.ready_path is None:
        return
    deadline = time.monotonic() + READY_TIMEOUT_S
    # trust_env=False: a proxy from the environment cannot reach our loopback address.
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
        while not await _is_ready(client, f"{http_url}{plan.ready_path}"):
            for child in children:
                if child.ends >= HOPELESS_ENDS:
                    raise _not_started(child, f"it ended {child.ends} times")
            if time.monotonic() > deadline:
                raise _not_started(children[0], f"not ready within {READY_TIMEOUT_S:g} s")
            await asyncio.sleep(POLL_S)


async def _is_ready(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _not_started(child: SupervisedProgram, problem: str) -> ServiceStartError:
    return ServiceStartError(
        part=child.name, problem=problem, log=str(child.log_path), lines=last_lines(child.log_path)
    )
