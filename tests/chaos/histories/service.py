"""The whole service as processes: a store, two listeners, APIs, a worker."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pymongo.errors import PyMongoError

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.document_models import open_database
from docustore.embedded.ports import LOOPBACK, free_port
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes
from tests.chaos.histories.loads import environment_of, sources_of
from tests.chaos.histories.rules import declared_rules, rules_variable
from tests.chaos.programs import LISTENER, WORKER, KeptRunning
from tests.waiting import until

API: Final = ("-m", "docustore.api.server")
LISTENERS: Final = 2
MONGOD: Final = "mongod"
RULES: Final = "DOCUSTORE_QUALITY_RULES"


class Servers:
    """The process of MongoDB, which is started again when it ends."""

    def __init__(self) -> None:
        self.mongod_pid = 0

    def note(self, name: str, pid: int) -> None:
        if name == MONGOD:
            self.mongod_pid = pid


@dataclass(slots=True, kw_only=True)
class Service:
    """The processes, their settings, and two connections to their store.

    `foreign` is the connection of an owner of the store, who may skip the validator.
    """

    database: Database
    foreign: Database
    settings: Settings
    servers: Servers
    listeners: list[KeptRunning]
    worker: KeptRunning
    apis: list[KeptRunning]
    urls: list[str]
    edits: int = 0

    @property
    def programs(self) -> tuple[KeptRunning, ...]:
        return (*self.listeners, *self.apis, self.worker)

    async def edit_rule(self) -> None:
        """Declare another version of a rule: the listeners start again with it."""
        self.edits += 1
        rules = declared_rules(edit=self.edits)
        self.settings = self.settings.model_copy(update={"quality_rules": rules})
        for program in self.programs:
            program.environment[RULES] = rules_variable(rules)
        for listener in self.listeners:
            await listener.kill()
        for listener in self.listeners:
            await listener.start()

    async def step_down(self) -> None:
        """Let the primary give up its role; without another member it is elected again."""
        # The server may close the connection that asked for it.
        with suppress(PyMongoError):
            await self.foreign.client.admin.command({"replSetStepDown": 1, "force": True})
        await until(self._has_primary, what="a primary")

    async def kill_mongodb(self) -> None:
        """Send SIGKILL to MongoDB, and wait until it is there again."""
        killed = self.servers.mongod_pid
        os.kill(killed, signal.SIGKILL)

        async def is_restarted() -> bool:
            return self.servers.mongod_pid != killed

        await until(is_restarted, what="another process of MongoDB")
        await until(self._has_primary, what="a primary")

    async def _has_primary(self) -> bool:
        try:
            hello: dict[str, Any] = await self.foreign.client.admin.command("hello")
        except PyMongoError:
            return False
        return bool(hello.get("isWritablePrimary"))


@asynccontextmanager
async def service(folder: Path, *, apis: int) -> AsyncIterator[Service]:
    """Run the service until the block ends."""
    servers = Servers()
    async with AsyncExitStack() as stack:
        started = await stack.enter_async_context(embedded_servers(folder / "data", on_restart=servers.note))
        servers.mongod_pid = started.mongod_pid
        settings = Settings(
            mongodb_url=started.mongodb_url,
            redis_url=started.redis_url,
            mongodb_database="histories",
            data_dir=folder,
            sources=sources_of(folder),
            quality_rules=declared_rules(edit=0),
        )
        database = await stack.enter_async_context(open_database(settings, app_name="docustore-tests"))
        owner = settings.model_copy(update={"mongodb_url": started.mongodb_root_url})
        foreign = await stack.enter_async_context(connect(owner, app_name="foreign"))
        await apply_indexes(foreign)
        ports = [free_port() for _ in range(apis)]
        variables = {
            **environment_of(folder),
            RULES: rules_variable(declared_rules(edit=0)),
            "DOCUSTORE_CHANGES_LEASE_S": "2",
            "DOCUSTORE_QUERIES_PER_MIN": "0",
        }

        def kept(name: str, *command: str, **more: str) -> KeptRunning:
            own = {**variables, **more}
            return KeptRunning(*command, settings=settings, log=folder / f"{name}.log", environment=own)

        running = Service(
            database=database,
            foreign=foreign,
            settings=settings,
            servers=servers,
            listeners=[kept(f"listener{number}", *LISTENER) for number in range(LISTENERS)],
            worker=kept("worker", *WORKER),
            apis=[kept(f"api{number}", *API, DOCUSTORE_PORT=str(port)) for number, port in enumerate(ports)],
            urls=[f"http://{LOOPBACK}:{port}" for port in ports],
        )
        for program in running.programs:
            stack.push_async_callback(program.kill)
        await asyncio.gather(*(program.start() for program in running.programs))
        yield running
