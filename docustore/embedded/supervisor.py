"""The service as one unit: servers, preparation, children, readiness, and an ordered end."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import structlog

from docustore.config import Settings
from docustore.embedded.children import KeptChild
from docustore.embedded.data_dir import claimed
from docustore.embedded.endpoints import SUPERVISOR, Endpoints, remove_endpoints, write_endpoints
from docustore.embedded.environment import child_environment
from docustore.embedded.ports import free_port, is_free
from docustore.embedded.processes import last_lines, spawn, stop
from docustore.embedded.resolve import with_servers
from docustore.embedded.servers import embedded_servers
from docustore.embedded.service import API, LISTENER, WORKER, ServicePlan, whole_service
from docustore.errors import ConfigurationError, ServiceStartError

# Start of Python, of the application, and its first answer from both servers; a busy small machine takes 10 s.
READY_TIMEOUT_S: Final = 60.0
PREPARATION_TIMEOUT_S: Final = 600.0
POLL_S: Final = 0.1
# A child that ended this often before the service was ready will not get there by itself.
HOPELESS_ENDS: Final = 4
ANY_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not bound to

log = structlog.get_logger()


@asynccontextmanager
async def running_service(
    settings: Settings, *, plan: ServicePlan | None = None, hurry: asyncio.Event | None = None
) -> AsyncIterator[Endpoints]:
    """Run the whole service for the length of the block; it is ready when the block begins.

    Servers that are not configured are embedded. Children that end are started again. `endpoints.json` in the
    data folder says where everything is while the block runs, with the process ids of the moment. At the end
    the children are drained one after another, then the servers; nothing survives this process, whatever
    ends it. Enter it in the main thread (see `spawn`).

    Args:
        plan: What to run; None = indexes applied, then API, worker and listener.
        hurry: Set, at any time, to kill what has not ended yet instead of waiting for it.

    Raises:
        ConfigurationError: The port is taken.
        DataDirBusyError: Another live process uses the data folder.
        EmbeddedServerError: A server cannot be started.
        ServiceStartError: The preparation failed, or the API did not become ready.
    """
    plan, hurry = plan or whole_service(), hurry or asyncio.Event()
    settled = settings.model_copy(update={"port": _settled_port(settings)})
    async with _located_servers(settled, hurry) as servers:
        logs = servers.settings.data_dir / "logs"
        environment = child_environment(servers.settings)
        await _prepare(plan, logs=logs, environment=environment)
        board = _NoticeBoard(servers, plan)
        children = [
            KeptChild(spec, log_path=logs / f"{spec.name}.log", environment=environment, on_start=board.note_start)
            for spec in plan.children
        ]
        try:
            for child in children:
                child.start()
            await _until_ready(plan, board.http_url, children)
            board.publish()
            yield board.endpoints
        finally:
            board.take_down()
            for child in children:
                await child.drain(hurry=hurry)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Located:
    settings: Settings
    pids: Mapping[str, int]


@asynccontextmanager
async def _located_servers(settings: Settings, hurry: asyncio.Event) -> AsyncIterator[_Located]:
    """Hold the data folder, with embedded servers in it where none are configured."""
    if settings.mongodb_url is not None:
        with claimed(settings.data_dir):
            yield _Located(settings=settings, pids={})
        return
    async with embedded_servers(settings.data_dir, hurry=hurry) as servers:
        pids = {"mongod": servers.mongod_pid, "valkey": servers.valkey_pid}
        yield _Located(settings=with_servers(settings, servers), pids=pids)


class _NoticeBoard:
    """Keeps `endpoints.json` true from the moment it is published."""

    def __init__(self, servers: _Located, plan: ServicePlan) -> None:
        self._settings = servers.settings
        self._is_published = False
        self._pids: dict[str, int | None] = {
            SUPERVISOR: os.getpid(), API: None, WORKER: None, LISTENER: None, "mongod": None, "valkey": None,
            **dict.fromkeys(spec.name for spec in plan.children),
            **servers.pids,
        }  # fmt: skip

    @property
    def http_url(self) -> str:
        host = ANY_HOSTS.get(self._settings.host, self._settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._settings.port}"

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            http_url=self.http_url,
            mongodb_url=self._settings.mongodb_url or "",
            redis_url=self._settings.redis_url or "",
            pids=dict(self._pids),
        )

    def note_start(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        if self._is_published:
            write_endpoints(self._settings.data_dir, self.endpoints)

    def publish(self) -> None:
        self._is_published = True
        write_endpoints(self._settings.data_dir, self.endpoints)

    def take_down(self) -> None:
        self._is_published = False
        remove_endpoints(self._settings.data_dir)


def _settled_port(settings: Settings) -> int:
    if settings.port == 0:
        return free_port(host=settings.host)
    if not is_free(settings.port, host=settings.host):
        raise ConfigurationError(
            setting="DOCUSTORE_PORT",
            problem=f"port {settings.port} on {settings.host} cannot be listened on: "
            "stop the program that has it, or pass --port 0 for a free one",
        )
    return settings.port


async def _prepare(plan: ServicePlan, *, logs: Path, environment: Mapping[str, str]) -> None:
    if plan.preparation is None:
        return
    name, log_path = plan.preparation.name, logs / f"{plan.preparation.name}.log"
    process = await spawn(plan.preparation.command, log_path=log_path, environment=environment)
    try:
        exit_code: int | None = await asyncio.wait_for(process.wait(), PREPARATION_TIMEOUT_S)
    except TimeoutError:
        exit_code = None
    finally:
        await stop(process, grace_s=1.0)
    if exit_code != 0:
        raise ServiceStartError(
            part=name, problem=f"exit code {exit_code}", log=str(log_path), lines=last_lines(log_path)
        )


async def _until_ready(plan: ServicePlan, http_url: str, children: list[KeptChild]) -> None:
    if plan.ready_path is None:
        return
    deadline = time.monotonic() + READY_TIMEOUT_S
    # Without the proxy that the environment may name: it could not reach our loopback address.
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
        while not await _is_ready(client, f"{http_url}{plan.ready_path}"):
            for child in children:
                if child.ends >= HOPELESS_ENDS:
                    raise _not_started(child, "it ends again and again")
            if time.monotonic() > deadline:
                raise _not_started(children[0], f"not ready within {READY_TIMEOUT_S:g} s")
            await asyncio.sleep(POLL_S)


async def _is_ready(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _not_started(child: KeptChild, problem: str) -> ServiceStartError:
    return ServiceStartError(part=child.name, problem=problem, log=str(child.log_path), lines=child.last_lines())
