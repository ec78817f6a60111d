"""Install a lock file into the environment of this Python, and show the progress.

    .venv/bin/python scripts/install_lock.py requirements-demo.lock

It needs only the standard library, because it runs before anything is installed. A package that is installed at
its locked version stays as it is. The exit code is pip's; pip's output is shown only when pip fails.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

LOCKED_PACKAGE: Final = re.compile(r"^[a-z0-9][^=\s]*==", re.IGNORECASE | re.MULTILINE)
FOUND: Final = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([^=\s]+)")
# Lines that are not rewritten in place, such as in the log of a CI job, are kept few.
PLAIN_EVERY: Final = 10
ERASE_LINE: Final = "\r\x1b[K"


def main(arguments: list[str]) -> int:
    """Install the lock file that is named by the only argument."""
    (lock,) = arguments
    total = len(LOCKED_PACKAGE.findall(Path(lock).read_text(encoding="utf-8")))
    started = time.monotonic()
    print(f"Installing {total} packages from {lock}: about a minute, longer on a slow network.", flush=True)
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-input")
    with subprocess.Popen(
        (*command, "--require-hashes", "-r", lock), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        output: list[str] = []
        for step in steps(_kept(pip.stdout or (), output), total=total):
            _show(step, is_terminal=sys.stdout.isatty())
    end = ERASE_LINE if sys.stdout.isatty() else ""
    if pip.returncode != 0:
        print(f"{end}{''.join(output)}\npip failed: fix the cause above, then run the same make command again.")
    else:
        print(f"{end}  installed in {time.monotonic() - started:.0f} s", flush=True)
    return pip.returncode


def steps(lines: Iterable[str], *, total: int) -> Iterator[tuple[int, str]]:
    """Turn pip's lines into `(packages found so far, sentence)`, one per step."""
    found = 0
    for line in lines:
        if (package := FOUND.match(line)) is not None:
            found += 1
            yield found, f"  {found} of {total}: {package[1]}"
        elif line.startswith("Installing collected packages"):
            yield 0, "  unpacking and compiling: about half a minute"


def _kept(lines: Iterable[str], output: list[str]) -> Iterator[str]:
    for line in lines:
        output.append(line)
        yield line


def _show(step: tuple[int, str], *, is_terminal: bool) -> None:
    found, sentence = step
    if is_terminal:
        print(f"{ERASE_LINE}{sentence}", end="", flush=True)
    elif found % PLAIN_EVERY == 0:
        print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
