"""Keeps `endpoints.json` true while the service runs."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from docustore.embedded.endpoints import SUPERVISOR, Endpoints, remove_endpoints, write_endpoints
from docustore.embedded.service import API, LISTENER, WORKER

log = structlog.get_logger()

MONGOD: Final = "mongod"
VALKEY: Final = "valkey"


class NoticeBoard:
    """Collects process ids from the first start on; shows them from `publish` to `take_down`.

    Published late, because a reader takes the file for the word that the service is ready.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._published: Endpoints | None = None
        self._pids: dict[str, int | None] = {
            **dict.fromkeys((SUPERVISOR, API, WORKER, LISTENER, MONGOD, VALKEY)),
            SUPERVISOR: os.getpid(),
        }

    def note_start(self, name: str, pid: int) -> None:
        """Take note of a process that has just started, for the first time or again."""
        self._pids[name] = pid
        if self._published is not None:
            try:
                self._write(self._published)
            except OSError as exc:  # a full disk must not end what keeps the service running
                log.warning("supervisor.endpoints_not_written", reason=exc.strerror)

    def publish(self, *, http_url: str, mongodb_url: str | None, redis_url: str | None) -> Endpoints:
        """Write the file, and again at every later start; return what it says."""
        return self._write(
            Endpoints(http_url=http_url, mongodb_url=mongodb_url or "", redis_url=redis_url or "", pids={})
        )

    def take_down(self) -> None:
        """Remove the file for good."""
        self._published = None
        remove_endpoints(self._data_dir)

    def _write(self, endpoints: Endpoints) -> Endpoints:
        self._published = replace(endpoints, pids=dict(self._pids))
        write_endpoints(self._data_dir, self._published)
        return self._published
