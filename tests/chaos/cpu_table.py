"""The processor time of the processes below this one, by what they do."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

SAMPLE_EVERY_S = 0.5
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def cpu_table(named: Callable[[], Mapping[int, str]]) -> AsyncIterator[Counter[str]]:
    """Count seconds of processor time during the block.

    A killed process keeps its last sample. So up to half a second of it is missing.

    Args:
        named: Returns the names of processes by pid. A process without a name counts for the nearest one above it,
            else under its own command.
    """
    table: Counter[str] = Counter()
    known = {pid: seconds for pid, (_, seconds) in _below(os.getpid(), named()).items()}

    def sample() -> None:
        for pid, (name, seconds) in _below(os.getpid(), named()).items():
            table[name] += seconds - known.get(pid, 0.0)
            known[pid] = seconds

    async def keep_sampling() -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY_S)
            sample()

    sampling = asyncio.create_task(keep_sampling())
    try:
        yield table
    finally:
        sampling.cancel()
        sample()


def _below(pid: int, names: Mapping[int, str]) -> dict[int, tuple[str, float]]:
    """Return the name and the seconds of a process and of all below it."""
    found: dict[int, tuple[str, float]] = {}
    pending = [(pid, "test")]
    while pending:
        each, above = pending.pop()
        try:
            stat = Path(f"/proc/{each}/stat").read_text()
            children = [
                int(child)
                for task in Path(f"/proc/{each}/task").iterdir()
                for child in (task / "children").read_text().split()
            ]
        except OSError:  # it has ended meanwhile
            continue
        command, _, rest = stat.partition("(")[2].rpartition(")")
        fields = rest.split()
        own = names.get(each) or (above if command.startswith(("python", "pytest", "granian")) else command)
        found[each] = own, (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        pending += [(child, own) for child in children]
    return found
