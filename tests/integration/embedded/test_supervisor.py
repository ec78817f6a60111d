import asyncio
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from docustore.config import Settings
from docustore.embedded.data_dir import is_claimed
from docustore.embedded.endpoints_file import Endpoints, read_endpoints
from docustore.embedded.processes import GRACE_S
from docustore.embedded.resolve import known_servers, reachable_servers
from docustore.embedded.service import Command, Prepare, ServicePlan
from docustore.embedded.supervisor import running_service
from docustore.errors import ConfigurationError, DataDirBusyError, SchemaDriftError, ServiceStartError
from tests.alive import is_alive
from tests.waiting import until

FAKE_CHILD = Path(__file__).with_name("fake_child.py")
ALL = ("api", "worker", "listener")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def free_port_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"port": 0})


def plan_of(*names: str, journal: Path, prepare: Prepare | None = None) -> ServicePlan:
    def command(name: str) -> Command:
        return (sys.executable, str(FAKE_CHILD), name, str(journal))

    return ServicePlan(
        prepare=prepare,
        children={name: command(name) for name in names},
        ready_path="/health/ready" if "api" in names else None,
    )


def lines_of(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


async def test_children_get_addresses_and_are_listed(free_port_settings: Settings, journal: Path) -> None:
    data_dir = free_port_settings.data_dir

    async with running_service(free_port_settings, plan=plan_of(*ALL, journal=journal)) as endpoints:
        assert read_endpoints(data_dir) == endpoints
        assert endpoints.pids["supervisor"] == os.getpid()
        assert all(is_alive(endpoints.pids[name]) for name in ALL)
        assert endpoints.pids["mongod"] is None
        assert f"api started {free_port_settings.mongodb_url}" in lines_of(journal)

    assert not (data_dir / "endpoints.json").exists()
    assert not any(is_alive(endpoints.pids[name]) for name in ALL)


async def test_drain_goes_from_api_to_listener(free_port_settings: Settings, journal: Path) -> None:
    """The API first, so that no new work arrives while the rest finishes."""
    async with running_service(free_port_settings, plan=plan_of(*ALL, journal=journal)):

        async def have_started() -> bool:
            return len(lines_of(journal)) == len(ALL)

        await until(have_started)

    assert [line for line in lines_of(journal) if line.endswith("ended")] == [f"{name} ended" for name in ALL]


async def test_killed_child_is_started_again(free_port_settings: Settings, journal: Path) -> None:
    data_dir = free_port_settings.data_dir
    async with running_service(free_port_settings, plan=plan_of(*ALL, journal=journal)) as first:
        os.kill(first.pids["worker"] or 0, 9)

        async def is_back() -> bool:
            now = read_endpoints(data_dir)
            return now is not None and now.pids["worker"] != first.pids["worker"]

        await until(is_back)
        second = read_endpoints(data_dir)

    assert isinstance(second, Endpoints)
    assert second.pids["api"] == first.pids["api"]


async def test_hurry_kills_what_will_not_end(free_port_settings: Settings, journal: Path) -> None:
    """The second Ctrl-C does not wait for the grace period."""
    hurry = asyncio.Event()
    plan = plan_of("stubborn", journal=journal)
    async with running_service(free_port_settings, plan=plan, hurry=hurry) as endpoints:

        async def has_started() -> bool:
            return bool(lines_of(journal))

        await until(has_started)
        hurry.set()
        told = time.monotonic()

    assert time.monotonic() - told < GRACE_S
    assert not is_alive(endpoints.pids["stubborn"])


async def test_broken_child_shows_its_last_log_lines(free_port_settings: Settings, journal: Path) -> None:
    plan = replace(plan_of("broken", journal=journal), ready_path="/health/ready")

    with pytest.raises(ServiceStartError, match=r"broken did not start(.|\n)*this part is broken"):
        async with running_service(free_port_settings, plan=plan):
            pass


async def test_failed_preparation_starts_nothing(free_port_settings: Settings, journal: Path) -> None:
    prepared: list[Settings] = []

    async def prepare(settings: Settings) -> None:
        prepared.append(settings)
        raise SchemaDriftError("two users share an e-mail")

    plan = plan_of("worker", journal=journal, prepare=prepare)

    with pytest.raises(SchemaDriftError, match="two users share an e-mail"):
        async with running_service(free_port_settings, plan=plan):
            pass

    assert prepared[0].mongodb_url == free_port_settings.mongodb_url
    assert not lines_of(journal)
    assert not is_claimed(free_port_settings.data_dir)


async def test_taken_port_is_reported_before_the_start(settings: Settings, journal: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = settings.model_copy(update={"port": other.getsockname()[1]})

        with pytest.raises(ConfigurationError, match="pass --port 0 for a free one"):
            async with running_service(taken, plan=plan_of(*ALL, journal=journal)):
                pass


async def test_second_service_on_a_folder_is_refused(free_port_settings: Settings, journal: Path) -> None:
    plan = plan_of("worker", journal=journal)
    async with running_service(free_port_settings, plan=plan):
        with pytest.raises(DataDirBusyError):
            async with running_service(free_port_settings, plan=plan):
                pass


async def test_busy_folder_is_reported_before_a_port(settings: Settings, journal: Path) -> None:
    """A second start has both problems; another port would not help."""
    plan = plan_of("worker", journal=journal)
    with socket.create_server(("127.0.0.1", 0)) as other:
        same_port = settings.model_copy(update={"port": other.getsockname()[1]})
        async with running_service(settings.model_copy(update={"port": 0}), plan=plan):
            with pytest.raises(DataDirBusyError):
                async with running_service(same_port, plan=plan):
                    pass


async def test_commands_use_the_servers_of_a_service(tmp_path: Path, journal: Path) -> None:
    """Commands share the embedded servers: a second pair on the folder is refused."""
    own = Settings(data_dir=tmp_path / "data", port=0)
    assert known_servers(own) is None

    async with (
        running_service(own, plan=plan_of("worker", journal=journal)) as endpoints,
        reachable_servers(own) as found,
    ):
        assert (found.mongodb_url, found.redis_url) == (endpoints.mongodb_url, endpoints.redis_url)
        assert is_alive(endpoints.pids["mongod"])

    assert known_servers(own) is None


async def test_configured_servers_go_before_others(settings: Settings) -> None:
    async with reachable_servers(settings) as found:
        assert found == settings
