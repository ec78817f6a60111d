"""Tell what a test run has left behind: `python -m tests.left_behind FOLDER`, the TMPDIR of the run.

The exit code is 1 when a process still uses the folder, or when more than 200 MB are in it.
"""

import os
import sys
from pathlib import Path
from typing import Final

import psutil

MOST_BYTES: Final = 200_000_000


def processes_of(folder: Path) -> list[str]:
    """List the processes that name the folder in their arguments or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if process.pid not in _own_line() and any(str(folder) in word for word in words):
            found.append(f"{process.pid}: {' '.join(words[:-1])}")
    return found


def bytes_of(folder: Path) -> int:
    """Return what the files take on the disk."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(512 * file.lstat().st_blocks for file in files)


def _own_line() -> set[int]:
    """Return this process and the ones that have started it."""
    own = psutil.Process()
    return {own.pid, *(parent.pid for parent in own.parents())}


def complaints(folder: Path) -> list[str]:
    left = [f"a process is left: {process}" for process in processes_of(folder)]
    if (size := bytes_of(folder)) > MOST_BYTES:
        left.append(f"{size // 10**6} MB are left in {folder}: at most {MOST_BYTES // 10**6} MB are expected")
    return left


if __name__ == "__main__":
    sys.exit("\n".join(complaints(Path(sys.argv[1]))) or None)
