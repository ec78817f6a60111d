"""Start a program that must not outlive the process that started it.

Run it as a script: `python -I -S launcher.py PARENT_PID SIGNAL PROGRAM ARGUMENT...`. It uses only the standard
library and costs about 15 ms. On Linux it asks the kernel to send the signal (a number) at the parent's death, and
becomes the program under the same process id. Elsewhere it stays, forwards signals, and polls for the parent's
death.

The kernel watches the parent *thread*: a program that a thread started gets its signal when that thread ends.
See: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
WATCH_INTERVAL_S: Final = 0.5
PARENT_GONE: Final = 1


def main(arguments: list[str]) -> int:
    """Become the program, or run it and return its exit code."""
    parent_pid, death_signal, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    allow_many_files()
    if end_with_parent(parent_pid, death_signal):
        os.execv(command[0], command)  # noqa: S606  # becoming the program is the purpose
    return _watch(command, parent_pid, death_signal)


def allow_many_files() -> None:
    """Raise the limit of open files to the hard limit.

    MongoDB keeps at least one file open for each collection and index.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def end_with_parent(parent_pid: int, death_signal: int) -> bool:
    """Ask the kernel for a signal at the parent's death; False if not possible.

    Exits at once if the parent has died already, because no signal would come.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        return False
    if os.getppid() != parent_pid:
        sys.exit(PARENT_GONE)
    return True


def _watch(command: list[str], parent_pid: int, death_signal: int) -> int:
    # close_fds=False: the program inherits the descriptors that were passed to the launcher.
    child = subprocess.Popen(command, close_fds=False)  # noqa: S603  # the command of our own caller
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    while True:
        try:
            return child.wait(timeout=WATCH_INTERVAL_S)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent_pid:
                child.send_signal(death_signal)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
