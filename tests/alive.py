"""Whether a process still runs."""

import psutil


def is_alive(pid: int | None) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has waited for does not.

    In a container the first process may be one that never waits for the orphans it is given.
    """
    if pid is None:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
