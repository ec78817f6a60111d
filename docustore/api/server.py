"""The process of the API: granian with one worker process.

Run it as `python -m docustore.api.server`. It reads its settings from the environment. SIGTERM stops it
gracefully.
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
from docustore.security.admin_key import require_strong_admin_key, warn_of_short_admin_key

# Shorter than the 10 s grace period of a supervisor or container runtime: an event stream never ends by itself.
WORKER_GRACE_S: Final = 8


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: A setting is missing, unknown or malformed, or the admin key is too short.
    """
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    require_strong_admin_key(settings)
    warn_of_short_admin_key(settings)
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
    """Create the application in the worker process.

    The worker process ends with the server process, even if the server is killed. Otherwise an orphaned worker
    would keep serving the port together with the next server. The signal is SIGKILL: an open event stream would
    keep the process alive after SIGTERM.
    """
    end_with_parent(server_pid, signal.SIGKILL)
    app = create_app()
    tune_gc()
    return app


if __name__ == "__main__":
    serve()
