"""One suite of benchmarks, with its own process and servers."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
import uvloop

from benchmarks.row import BenchRow
from docustore.config import Settings
from docustore.embedded.servers import embedded_servers
from docustore.gc_tuning import tune_gc

Suite = Callable[[Settings], Awaitable[list[BenchRow]]]


def run_suite(suite: Suite) -> list[BenchRow]:
    """Run one suite in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    tune_gc()
    return uvloop.run(_on_own_servers(suite))


async def _on_own_servers(suite: Suite) -> list[BenchRow]:
    with TemporaryDirectory() as folder:
        async with embedded_servers(Path(folder)) as servers:
            return await suite(Settings(mongodb_url=servers.mongodb_url, redis_url=servers.redis_url))
