"""The parts of the whole service, in the order of draining."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from docustore.config import Settings

API: Final = "api"
WORKER: Final = "worker"
LISTENER: Final = "listener"
READY_PATH: Final = "/health/ready"

Command = tuple[str, ...]
Prepare = Callable[[Settings], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What a service runs.

    `prepare` is awaited before anything starts; its error ends the start. It gets settings that name the servers.
    `children` holds a command (absolute path, then arguments) by name. They are started together, and drained one
    after another in this order: the API first, so that no new work arrives. `ready_path` is polled until it
    answers 200; None = ready once started.
    """

    prepare: Prepare | None
    children: dict[str, Command]
    ready_path: str | None


def api_command() -> Command:
    """Return the command that serves the API."""
    return (sys.executable, "-m", "docustore.api.server")


def worker_command() -> Command:
    """Return the command that works the queue and ticks the hourly schedule."""
    return (sys.executable, "-m", "arq", "workers.settings.WorkerSettings")


def listener_command() -> Command:
    """Return the command that applies the effects of changes."""
    return (sys.executable, "-m", "workers.listener")


def whole_service(prepare: Prepare, *, listeners: int = 1) -> ServicePlan:
    """Return the plan of API, worker and listeners after the given preparation.

    The programs are named, not imported: they import this package. The names of further listeners are `listener-2`
    and so on.
    """
    names = [LISTENER, *(f"{LISTENER}-{number}" for number in range(2, listeners + 1))]
    return ServicePlan(
        prepare=prepare,
        children={API: api_command(), WORKER: worker_command(), **dict.fromkeys(names, listener_command())},
        ready_path=READY_PATH,
    )
