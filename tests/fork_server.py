"""Runs programs in forks of one process that has imported them: `python -m tests.fork_server`.

A program of the service needs more time for its imports than most tests need for its work. Each fork is a process
of its own, as the program is. Requests come as lines on stdin: `{id, module, arguments, environment, folder,
stdout, stderr}`. The answers go to stdout: `{id, pid}` at once, `{id, code}` when the program has ended. The end
of stdin ends the server and everything that still runs.
"""

import json
import os
import runpy
import selectors
import signal
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from docustore.cli.main import COMMANDS

STDIN: Final = 0
# What `docustore.api.server`, `workers.listener` and `arq workers.settings.WorkerSettings` import. Not those
# modules: they run as the main module, and the last one reads the environment.
PROGRAMS: Final = (
    "arq.cli",
    "docustore.api.app",
    "docustore.changes.listener",
    "granian",
    # Loaded when an application is made.
    "litestar.plugins.pydantic",
    "workers.tasks",
)


def _become(request: dict[str, Any]) -> None:
    """Turn this fork into the program."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(target, number)
        os.close(target)
    signal.set_wakeup_fd(-1)
    if "PYTHONPATH" in os.environ:
        # A new interpreter reads it; this one was started with another.
        sys.path[1:1] = os.environ["PYTHONPATH"].split(os.pathsep)
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(_exit_code(request))
    return pid


def _exit_code(request: dict[str, Any]) -> int:
    """Run the program in this fork, and end as an interpreter does."""
    code = 0
    try:
        _become(request)
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        if isinstance(exc.code, str):
            sys.stderr.write(f"{exc.code}\n")
    except BaseException as exc:  # noqa: BLE001  # the outermost frame of the program
        try:
            sys.excepthook(type(exc), exc, exc.__traceback__)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        code = 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _answer(**facts: int) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def serve() -> None:
    for module in (*PROGRAMS, *(target.partition(":")[0] for target in COMMANDS.values())):
        import_module(module)
    running: dict[int, tuple[int, int]] = {}
    lines = b""
    with selectors.DefaultSelector() as selector:
        selector.register(STDIN, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == STDIN:
                    if not (block := os.read(STDIN, 1 << 16)):
                        for pid, _number in running.values():
                            os.kill(pid, signal.SIGKILL)
                        return
                    *whole, lines = (lines + block).split(b"\n")
                    for line in whole:
                        request = json.loads(line)
                        pid = _fork(request)
                        ended = os.pidfd_open(pid)
                        running[ended] = (pid, request["id"])
                        selector.register(ended, selectors.EVENT_READ)
                        _answer(id=request["id"], pid=pid)
                else:
                    pid, number = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    _answer(id=number, code=code)


if __name__ == "__main__":
    serve()
