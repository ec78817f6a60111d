"""The API's process: granian serving the application, with one worker process.

Run as `python -m docustore.api.server`; settings come from the environment. SIGTERM ends it in order.
"""

import os
import signal
from functools import partial
from typing import Final

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from litestar import Litestar

from docustore.api.app import create_app
from docustore.config import load_settings
from docustore.embedded.launcher import end_with_parent
from docustore.gc_tuning import tune_gc
from docustore.logs import configure_logging

# Below the 10 s that a supervisor or a container runtime grants: an event stream never ends by itself.
WORKER_GRACE_S: Final = 8


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: A setting does not fit.
    """
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    server = Granian(
        "docustore.api.app:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        workers_kill_timeout=WORKER_GRACE_S,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=partial(load_app, os.getpid()), wrap_loader=False)


def load_app(server_pid: int) -> Litestar:
    """Make the application, in the worker process, which ends with the server even when that is killed.

    Left alone it would go on serving, beside the server's successor on the same port. SIGKILL, because an event
    stream would keep it alive through anything milder.
    """
    end_with_parent(server_pid, signal.SIGKILL)
    app = create_app()
    tune_gc()
    return app


if __name__ == "__main__":
    serve()
