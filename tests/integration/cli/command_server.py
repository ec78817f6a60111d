"""Runs `docustore` commands in forks of one process that has imported them: `python -m ...command_server`.

A command needs more time for its imports than for its work. Each fork is a process of its own, as the command is.
Requests come as lines on stdin: `{id, arguments, environment, folder, stdout, stderr}`. The answer `{id, code}`
goes to stdout when the command has ended. The end of stdin ends the server.
"""

import json
import os
import selectors
import signal
import sys
from importlib import import_module
from typing import Any, Final

from docustore.cli.main import COMMANDS, main

STDIN: Final = 0


def _become(request: dict[str, Any]) -> None:
    """Turn this fork into the command."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        target = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(target, number)
        os.close(target)
    signal.set_wakeup_fd(-1)
    sys.argv = ["docustore", *request["arguments"]]
    main()


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _become(request)
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def serve() -> None:
    for target in COMMANDS.values():
        import_module(target.partition(":")[0])
    running: dict[int, tuple[int, int]] = {}
    lines = b""
    with selectors.DefaultSelector() as selector:
        selector.register(STDIN, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == STDIN:
                    if not (block := os.read(STDIN, 1 << 16)):
                        return
                    *whole, lines = (lines + block).split(b"\n")
                    for line in whole:
                        request = json.loads(line)
                        pid = _fork(request)
                        ended = os.pidfd_open(pid)
                        running[ended] = (pid, request["id"])
                        selector.register(ended, selectors.EVENT_READ)
                else:
                    pid, number = running.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    os.write(1, json.dumps({"id": number, "code": code}).encode() + b"\n")


if __name__ == "__main__":
    serve()
