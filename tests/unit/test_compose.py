"""The deployment files name existing things, and stay hardened."""

import re
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from docustore.api.app import create_app
from docustore.config import Settings
from docustore.config_file import CONFIG_FILE_VARIABLE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MEMBERS = {"mongodb-1", "mongodb-2", "mongodb-3"}
# https://jira.mongodb.org/browse/SERVER-115508
FIRST_FIXED_VERSION = (7, 0, 28)
ONE_SHOTS = {"mongodb-init", "create-indexes", "migrate"}
PROCESSES = {"api", "worker", "listener"}
EVERY_SERVICE = pytest.mark.parametrize("name", sorted(SERVICES))


def commands(service: dict[str, Any]) -> list[list[str]]:
    health = service.get("healthcheck", {}).get("test", ["CMD"])
    assert health[0] == "CMD", "no shell in a health check: its exit code would be the shell's"
    return [line for line in (service.get("command", []), health[1:]) if line]


def test_the_parts_of_the_service_are_there() -> None:
    assert MEMBERS | {"valkey"} | ONE_SHOTS | PROCESSES == set(SERVICES)


@EVERY_SERVICE
def test_service_is_hardened(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert all(entry.startswith("/tmp:size=") for entry in service["tmpfs"])  # noqa: S108  # inside the container


@EVERY_SERVICE
def test_service_has_limits(name: str) -> None:
    assert set(SERVICES[name]["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@EVERY_SERVICE
def test_lasting_service_is_checked_and_drained(name: str) -> None:
    service = SERVICES[name]

    if name in ONE_SHOTS:
        assert service["restart"] == "no"
    else:
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
        assert int(service["stop_grace_period"].removesuffix("s")) >= 30


@EVERY_SERVICE
def test_image_is_pinned(name: str) -> None:
    image = SERVICES[name]["image"]

    assert re.search(r":(\$\{DOCUSTORE_VERSION:-)?\d+\.\d+\.\d+", image), image


def test_mongodb_has_the_fix_of_its_memory_leak() -> None:
    """CVE-2025-14847: a client without a password reads memory of the server."""
    for name in MEMBERS:
        version = re.fullmatch(r"mongo:(\d+)\.(\d+)\.(\d+)-\w+", SERVICES[name]["image"])

        assert version is not None
        assert tuple(map(int, version.groups())) >= FIRST_FIXED_VERSION


def test_image_version_is_the_project_s() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"${{DOCUSTORE_VERSION:-{version}}}" in SERVICES["api"]["image"]
    assert f"DOCUSTORE_VERSION={version}\n" in (ROOT / ".env.example").read_text()


@EVERY_SERVICE
def test_service_waits_for_what_it_needs(name: str) -> None:
    needs = SERVICES[name].get("depends_on", {})

    assert set(needs) <= set(SERVICES)
    for other, need in needs.items():
        wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
        assert need["condition"] == wanted
    if name in PROCESSES:
        assert set(needs) == {"migrate", "valkey"}
    if name == "migrate":
        assert set(needs) == {"create-indexes"}


@EVERY_SERVICE
def test_setting_exists(name: str) -> None:
    """A variable without a setting would be ignored silently."""
    known = {f"DOCUSTORE_{field.upper()}" for field in Settings.model_fields} | {CONFIG_FILE_VARIABLE}
    used = {variable for variable in SERVICES[name].get("environment", {}) if variable.startswith("DOCUSTORE_")}

    assert used <= known


def test_interpolated_variable_is_in_the_example() -> None:
    documented = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))

    assert used == documented


def test_example_holds_no_secret() -> None:
    example = (ROOT / ".env.example").read_text()

    for variable in re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()):
        assert f"\n{variable}=\n" in example


def test_settings_file_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_FILE_VARIABLE, str(ROOT / "deploy/service.toml"))

    assert Settings().sources == {}


@EVERY_SERVICE
def test_program_exists(name: str) -> None:
    for program, *arguments in commands(SERVICES[name]):
        match program, arguments:
            case "docustore", [subcommand, *_]:
                assert subcommand in subcommands()
            case "python", ["-m", module, *_]:
                assert find_spec(module) is not None, module
            case "python", ["-c", source]:
                compile(source, name, "exec")
            case "python", [script, *_]:
                assert (ROOT / script.removeprefix("/")).is_file(), script
            case "bash", [script, *_]:
                assert (ROOT / script.removeprefix("/")).is_file(), script
            case ("start", []):
                assert SERVICES[name]["entrypoint"][0] == "bash"
            case _:
                pytest.fail(f"{name}: no rule for {program}")


def subcommands() -> list[str]:
    [script] = entry_points(group="console_scripts", name="docustore")
    script.load()
    group = import_module("docustore.cli.main").docustore
    return list(group.list_commands(click.Context(group)))


def test_worker_check_names_the_worker_s_settings() -> None:
    dotted = SERVICES["worker"]["healthcheck"]["test"][-1]
    module, _, attribute = dotted.rpartition(".")

    assert f"class {attribute}:" in (ROOT / f"{module.replace('.', '/')}.py").read_text()


def test_health_check_asks_a_route_that_exists() -> None:
    [path] = re.findall(r"127\.0\.0\.1:8000(/[a-z/]+)", SERVICES["api"]["healthcheck"]["test"][-1])

    assert path in {route.path for route in create_app(Settings()).routes}


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{[A-Z_]+:-([^}]+)\}", r"\1", volume).split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), source


def test_dockerfile_copies_what_exists() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)

    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}\n" in (ROOT / ".dockerignore").read_text(), name


def test_image_installs_hashed_dependencies_only() -> None:
    assert "--require-hashes -r requirements-runtime.lock" in DOCKERFILE
    assert "--no-deps --no-build-isolation ." in DOCKERFILE
    assert "--hash=sha256:" in (ROOT / "requirements-runtime.lock").read_text()


def test_image_runs_as_the_user_of_the_services() -> None:
    [user] = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert {SERVICES[name]["user"] for name in PROCESSES | ONE_SHOTS} == {user}
