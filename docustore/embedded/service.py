"""What the whole service consists of: its one-shot preparation and its processes, in the order of draining."""

import sys
from dataclasses import dataclass
from typing import Final

from docustore.embedded.children import ChildSpec

API: Final = "api"
WORKER: Final = "worker"
LISTENER: Final = "listener"
READY_PATH: Final = "/health/ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """Programs of a service.

    `preparation` runs to its end first and must exit with 0; None = nothing to prepare. `children` are started
    together and drained one after another in this order: the API first, so that nothing new comes in.
    `ready_path` is asked until it answers 200; None = ready when started.
    """

    preparation: ChildSpec | None
    children: tuple[ChildSpec, ...]
    ready_path: str | None


def api_command() -> tuple[str, ...]:
    """Return the command that serves the API."""
    return (sys.executable, "-m", "docustore.api.server")


def worker_command() -> tuple[str, ...]:
    """Return the command that works the queue and ticks the hourly schedule."""
    return (sys.executable, "-m", "arq", "workers.settings.WorkerSettings")


def listener_command() -> tuple[str, ...]:
    """Return the command that turns changes into their effects."""
    return (sys.executable, "-m", "workers.listener")


def indexes_command(*arguments: str) -> tuple[str, ...]:
    """Return the command that plans or applies collections and indexes."""
    return (sys.executable, "-m", "indexes", *arguments)


def whole_service() -> ServicePlan:
    """Return the plan of `up`.

    Programs are named, not imported: what they consist of may import this package, never the other way round.
    """
    return ServicePlan(
        preparation=ChildSpec(name="indexes", command=indexes_command("apply", "--json")),
        children=(
            ChildSpec(name=API, command=api_command()),
            ChildSpec(name=WORKER, command=worker_command()),
            ChildSpec(name=LISTENER, command=listener_command()),
        ),
        ready_path=READY_PATH,
    )
