"""The process of the API: granian with one worker process.

Run it as `python -m docustore.api.server`. It reads its settings from the environment. SIGTERM stops it
gracefully.
"""

import asyncio
import os
import signal
from functools import partial
from typing import Final

import uvloop
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from litestar import Litestar

from docustore.api.app import create_app
from docustore.causes import report_failed_start
from docustore.config import Settings
from docustore.config_loading import load_settings
from docustore.database import connect
from docustore.embedded.launcher import allow_many_files, end_with_parent
from docustore.feed.feed import Feed
from docustore.gc_tuning import tune_gc
from docustore.logs import configure_logging
from docustore.migrations.precondition import require_known_store
from docustore.queue import open_queue
from docustore.security.admin_key import require_strong_admin_key, warn_of_short_admin_key

# Shorter than the 10 s grace period of a supervisor or container runtime.
WORKER_GRACE_S: Final = 8
# Cookies and keys need a few kB. The server's own limit under HTTP/2 is 16 MB for each request.
MAX_HEADERS_BYTES: Final = 64 * 1024
# Connections besides those of the readers of changes, which stay open. Further clients wait to be accepted.
MAX_CONNECTIONS: Final = 1024
# Requests of one HTTP/2 connection at the same time.
MAX_STREAMS: Final = 100


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: A setting is missing, unknown or malformed, or the admin key is too short.
        PyMongoError: MongoDB does not answer, or refuses the account.
        RedisError: Valkey does not answer, or refuses the account.
        StoreTooNewError: A newer version wrote the store.
    """
    report_failed_start("api")
    settings = load_settings()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    # One for each reader of changes.
    allow_many_files()
    require_strong_admin_key(settings)
    warn_of_short_admin_key(settings)
    # Here the cause is one line. From the worker process it would be the traceback of the server.
    uvloop.run(_require_servers(settings))
    server = Granian(
        "docustore.api.app:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=1,
        workers_kill_timeout=WORKER_GRACE_S,
        backpressure=MAX_CONNECTIONS + settings.feed_max_readers,
        log_level=LogLevels.warning,
        http1_settings=http1_limits(settings.http_read_timeout_s),
        http2_settings=http2_limits(settings.http_read_timeout_s),
    )
    server.serve(target_loader=partial(load_app, os.getpid()), wrap_loader=False)


async def _require_servers(settings: Settings) -> None:
    async with connect(settings, app_name="docustore-api") as database, open_queue(settings) as queue:
        await require_known_store(database)
        await queue.ping()


def http1_limits(read_timeout_s: int) -> HTTP1Settings:
    """Limit the time of a request's head.

    An idle connection is closed after the same time.
    """
    return HTTP1Settings(header_read_timeout=read_timeout_s * 1000)


def http2_limits(read_timeout_s: int) -> HTTP2Settings:
    """Limit headers and streams; close a connection that does not answer a ping."""
    return HTTP2Settings(
        keep_alive_interval=read_timeout_s * 1000,
        keep_alive_timeout=read_timeout_s,
        max_concurrent_streams=MAX_STREAMS,
        max_headers_size=MAX_HEADERS_BYTES,
    )


def load_app(server_pid: int) -> Litestar:
    """Create the application in the worker process.

    The worker process ends with the server process, even if the server is killed. Otherwise an orphaned worker
    would keep serving the port together with the next server. The signal is SIGKILL: an open event stream would
    keep the process alive after SIGTERM.
    """
    end_with_parent(server_pid, signal.SIGKILL)
    app = create_app()
    app.on_startup.append(end_streams_first)
    tune_gc()
    return app


def end_streams_first(app: Litestar) -> None:
    """End the streams of changes at SIGTERM.

    After it the server waits for open requests, and a stream never ends by itself.

    The server itself stops at SIGINT as well: it gets one when the streams have ended.
    """
    stopping: set[asyncio.Task[None]] = set()

    async def stop() -> None:
        feed: Feed = app.state.feed
        try:
            await feed.close()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def on_signal() -> None:
        stopping.add(asyncio.create_task(stop()))

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_signal)


if __name__ == "__main__":
    serve()
