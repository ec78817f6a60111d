"""Which process of a test run gets which tests, when several run (`pytest -n`).

A file is one unit, so that one process starts the servers of its fixtures. What mostly waits begins first, in at
most two processes: many programs and elections at once would take each other's time. The others have the processor
meanwhile. The small units come last, so that all processes end at about the same time.
"""

import os
from collections.abc import Collection, Mapping
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Tests that share a service: one process starts it.
SHARED: Final = ("tests/browser", "tests/attacks")
WAITING: Final = ("tests/chaos", "tests/browser")
WAITING_AT_ONCE: Final = 2
# Units that take longest, in this order. A wrong one costs only time.
LONGEST: Final = (
    "tests/integration/api/test_schemathesis.py",
    "tests/chaos/listener/test_listener_under_faults.py",
    "tests/chaos/etl/test_loads_under_faults.py",
    "tests/browser",
    "tests/chaos",
    "tests/attacks",
    "tests/integration",
)
# Each process starts servers of its own.
MOST_PROCESSES: Final = 4


def processes() -> int:
    """Return the number for `-n auto`: one more than cores, because tests also wait."""
    return min(MOST_PROCESSES, (os.cpu_count() or 1) + 1)


def unit_of(node_id: str) -> str:
    """Return the file of a test, or the folder whose tests share a service."""
    file = node_id.partition("::")[0]
    return next((folder for folder in SHARED if _is_in(file, folder)), file)


def waits(unit: str) -> bool:
    return any(_is_in(unit, folder) for folder in WAITING)


def next_unit(units: Collection[str], *, may_wait: bool) -> str:
    """Choose from the units that are left; there is at least one."""
    allowed = [unit for unit in units if may_wait or not waits(unit)] or list(units)
    return min(allowed, key=_rank)


def _rank(unit: str) -> int:
    found = (number for number, start in enumerate(LONGEST) if _is_in(unit, start))
    return next(found, len(LONGEST))


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


class FileScheduling(LoadScopeScheduling):
    """Gives whole units to the processes, in the order of this module."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        waiting = [each for each, units in self.assigned_work.items() if _has_waiting(units)]
        may_wait = node in waiting or len(waiting) < WAITING_AT_ONCE
        # The base class takes the first one.
        self.workqueue.move_to_end(next_unit(self.workqueue, may_wait=may_wait), last=False)
        super()._assign_work_unit(node)


def _has_waiting(units: Mapping[str, Mapping[str, bool]]) -> bool:
    return any(waits(unit) and not all(tests.values()) for unit, tests in units.items())
