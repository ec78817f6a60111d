"""Shows the logs of the children on the terminal while they grow."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

INTERVAL_S: Final = 0.2


@asynccontextmanager
async def following_logs(folder: Path, *, enabled: bool) -> AsyncIterator[None]:
    """Copy every new line of the logs to stderr, after the name of its log."""
    if not enabled:
        yield
        return
    positions = _ends_of_logs(folder)
    follower = asyncio.create_task(_follow(folder, positions))
    try:
        yield
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
        _copy_new_lines(folder, positions)


def _ends_of_logs(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.glob("*.log")}


async def _follow(folder: Path, positions: dict[Path, int]) -> None:
    while True:
        _copy_new_lines(folder, positions)
        await asyncio.sleep(INTERVAL_S)


def _copy_new_lines(folder: Path, positions: dict[Path, int]) -> None:
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as log:
            log.seek(positions.get(path, 0))
            # An incomplete line is copied when it is complete.
            lines, _, _ = log.read().rpartition(b"\n")
        if lines:
            positions[path] = positions.get(path, 0) + len(lines) + 1
            for line in lines.decode(errors="replace").splitlines():
                sys.stderr.write(f"{path.stem:>8} | {line}\n")
