"""Check whether a process still runs."""

import psutil


def is_alive(pid: int | None) -> bool:
    """Tell whether a process runs; a zombie does not.

    The first process of a container may never wait for orphaned processes, so they stay zombies.
    """
    if pid is None:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
