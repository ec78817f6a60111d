"""A real PostgreSQL server of the tests: its own cluster, on loopback, as an account that is not root."""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from docustore.embedded.ports import free_port
from tests.waiting import until

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
PASSWORD = "upstream-password"
OPTIONS = {"fsync": "off", "listen_addresses": "127.0.0.1", "max_connections": "20", "shared_buffers": "16MB"}


def binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`; None where they are not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(DEBIAN_FOLDER.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresServer:
    """One cluster; `start` and `stop` can be repeated."""

    def __init__(self, folder: Path, bin_folder: Path, account: str | None) -> None:
        self._folder = folder
        self._bin = bin_folder
        self._account = account
        self._port = free_port()
        self._log = folder / "log"
        self._process: asyncio.subprocess.Process | None = None

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://upstream:{password}@127.0.0.1:{self._port}/{database}"

    async def create(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        arguments = (
            "--no-sync",
            "--username=upstream",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--locale=C",
        )
        process = await self._run("initdb", "--encoding=UTF8", *arguments, f"--pgdata={self._folder / 'data'}")
        assert await process.wait() == 0, self._log.read_text()

    async def start(self) -> None:
        settings = {**OPTIONS, "port": str(self._port), "unix_socket_directories": str(self._folder)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = await self._run("postgres", "-D", str(self._folder / "data"), *arguments)
        await until(self._answers, what="PostgreSQL accepts connections")

    async def stop(self) -> None:
        """Stop at once, as after a power failure."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGQUIT)
            await self._process.wait()

    async def new_database(self) -> str:
        name = f"upstream_{uuid4().hex[:12]}"
        async with await psycopg.AsyncConnection.connect(self._address, autocommit=True) as connection:
            await connection.execute(f"CREATE DATABASE {name}".encode())
        return name

    @property
    def _address(self) -> str:
        return self.url().replace("+psycopg", "")

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text()
        try:
            async with await psycopg.AsyncConnection.connect(self._address):
                return True
        except psycopg.OperationalError:
            return False

    async def _run(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                str(self._bin / program),
                *arguments,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._account,
                start_new_session=True,
            )


@asynccontextmanager
async def postgres_server(bin_folder: Path) -> AsyncIterator[PostgresServer]:
    """Start a server in a folder of its own."""
    account = _account() if os.geteuid() == 0 else None
    # Not below pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if account is not None:
            shutil.chown(folder, account)
        server = PostgresServer(folder, bin_folder, account)
        await server.create()
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


def _account() -> str:
    """Name an account that is not root; PostgreSQL refuses root."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)
