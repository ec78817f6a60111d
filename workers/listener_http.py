"""Metrics and health of the listener's own process over HTTP.

A thread serves them, so that they answer also while the event loop is busy. `/metrics` has the figures that only
the process knows; `/health/live` answers while it runs; `/health/ready` is 503 if the listener stands still.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from docustore.changes.meter import REGISTRY

log = structlog.get_logger()

# A problem in a sentence; None if all is well.
Problem = Callable[[], Awaitable[str | None]]
READY_TIMEOUT_S: Final = 5.0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log no request: a scrape every few seconds would fill the log."""


@contextmanager
def served(host: str, port: int, problem: Problem) -> Iterator[int]:
    """Serve while the block runs; yield the port.

    Enter it in the event loop that runs `problem`.

    Args:
        port: 0 = any free one.
    """
    app = _App(problem, asyncio.get_running_loop())
    with make_server(host, port, app, server_class=_Server, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, name="listener-http", daemon=True)
        thread.start()
        log.info("listener.http_started", port=server.server_port)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _App:
    def __init__(self, problem: Problem, loop: asyncio.AbstractEventLoop) -> None:
        self._problem = problem
        self._loop = loop

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status, media_type, body = self._answer(environ["PATH_INFO"])
        headers = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        match path:
            case "/metrics":
                return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(REGISTRY)
            case "/health/live":
                return "200 OK", "text/plain", b"ok\n"
            case "/health/ready":
                problem = self._found_problem()
                is_ready = problem is None
                text = problem or "ok"
                return ("200 OK" if is_ready else "503 Service Unavailable"), "text/plain", f"{text}\n".encode()
            case _:
                return "404 Not Found", "text/plain", b"use /metrics, /health/live or /health/ready\n"

    def _found_problem(self) -> str | None:
        async def found() -> str | None:
            return await self._problem()

        looking = asyncio.run_coroutine_threadsafe(found(), self._loop)
        try:
            return looking.result(READY_TIMEOUT_S)
        except FutureTimeoutError:
            looking.cancel()
            return "the event loop or MongoDB does not answer"
        except Exception as exc:  # noqa: BLE001  # any failure means: not ready
            return f"MongoDB does not answer ({type(exc).__name__})"
