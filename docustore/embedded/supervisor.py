"""The service as one unit: servers, preparation, children, readiness, and an ordered end."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2
import structlog

from docustore.config import Settings
from docustore.embedded.children import KeptChild
from docustore.embedded.data_dir import claimed
from docustore.embedded.endpoints import Endpoints
from docustore.embedded.environment import child_environment
from docustore.embedded.notice_board import MONGOD, VALKEY, NoticeBoard
from docustore.embedded.ports import settled_port
from docustore.embedded.processes import last_lines, spawn, stop
from docustore.embedded.resolve import with_servers
from docustore.embedded.servers import embedded_servers
from docustore.embedded.service import ServicePlan, whole_service
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
        ConfigurationError: The port is taken, or only one of the two servers is configured.
        DataDirBusyError: Another live process uses the data folder.
        EmbeddedServerError: A server cannot be started.
        ServiceStartError: The preparation failed, or the API did not become ready.
    """
    plan, hurry = plan or whole_service(), hurry or asyncio.Event()
    board = NoticeBoard(settings.data_dir)
    async with _located_servers(settings, board, hurry) as servers:
        # After the data folder is held: of a second start on the same folder, that is what is wrong, not the port.
        located = servers.model_copy(update={"port": settled_port(settings.port, host=settings.host)})
        logs = located.data_dir / "logs"
        environment = child_environment(located)
        await _prepare(plan, logs=logs, environment=environment)
        children = [
            KeptChild(spec, log_path=logs / f"{spec.name}.log", environment=environment, on_start=board.note_start)
            for spec in plan.children
        ]
        http_url = _http_url(located)
        try:
            for child in children:
                await child.start()
            await _until_ready(plan, http_url, children)
            yield board.publish(http_url=http_url, mongodb_url=located.mongodb_url, redis_url=located.redis_url)
        finally:
            board.take_down()
            for child in children:
                await child.drain(hurry=hurry)


@asynccontextmanager
async def _located_servers(
    settings: Settings, board: NoticeBoard, hurry: asyncio.Event
) -> AsyncIterator[Settings]:
    """Hold the data folder, with embedded servers in it where none are configured."""
    if settings.mongodb_url is not None:
        if settings.redis_url is None:
            raise ConfigurationError(
                setting="DOCUSTORE_REDIS_URL", problem="set it too: nothing is embedded beside a configured server"
            )
        with claimed(settings.data_dir):
            yield settings
        return
    async with embedded_servers(settings.data_dir, hurry=hurry, on_restart=board.note_start) as servers:
        board.note_start(MONGOD, servers.mongod_pid)
        board.note_start(VALKEY, servers.valkey_pid)
        yield with_servers(settings, servers)


def _http_url(settings: Settings) -> str:
    host = ANY_HOSTS.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


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
