"""`endpoints.json`: addresses and process ids of a running `up`."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog

from docustore.embedded.data_dir import is_claimed
from docustore.embedded.mongod import Mongod
from docustore.embedded.private_files import write_private
from docustore.embedded.service import API, LISTENER, WORKER
from docustore.embedded.valkey import Valkey

FILE_NAME: Final = "endpoints.json"
SUPERVISOR: Final = "supervisor"
# Behind the user, and in options such as tlsCertificateKeyFilePassword. A password may contain an @.
_PASSWORD: Final = re.compile(r"(?<=://)([^:/?@]*:)[^/?]*(?=@)|([?&][a-z_]*password=)[^&]*", re.IGNORECASE)
PARTS: Final = (SUPERVISOR, API, WORKER, LISTENER, Mongod.name, Valkey.name)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses and process ids of a running service.

    `pids` has the keys supervisor, api, worker, listener, mongod and valkey, and those of further listeners. None
    means that the part is not a process of this service.
    """

    http_url: str
    mongodb_url: str
    redis_url: str
    pids: Mapping[str, int | None]

    def as_json(self) -> dict[str, Any]:
        """Return the document of `endpoints.json`, with passwords."""
        return asdict(self)

    def masked(self) -> "Endpoints":
        """Return the same endpoints without passwords, for output that others may see."""
        return replace(self, mongodb_url=_masked(self.mongodb_url), redis_url=_masked(self.redis_url))


class EndpointsFile:
    """Keeps `endpoints.json` up to date from `publish` to `remove`.

    The file is published when the service is ready: readers take its existence as that promise. Process ids are
    collected from the first start on.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME
        self._published: Endpoints | None = None
        self._pids: dict[str, int | None] = {**dict.fromkeys(PARTS), SUPERVISOR: os.getpid()}

    def note_start(self, name: str, pid: int | None) -> None:
        """Record the process id of a part that was started or restarted."""
        self._pids[name] = pid
        if self._published is not None:
            try:
                self.publish(self._published)
            except OSError as exc:  # a full disk must not end the supervisor
                log.warning("supervisor.endpoints_not_written", reason=exc.strerror)

    def publish(self, endpoints: Endpoints) -> Endpoints:
        """Write the addresses with the current process ids, and return what was written.

        Atomic: a reader sees the old or the new file. Only the owner may read it, because the addresses contain
        passwords.
        """
        self._published = replace(endpoints, pids=dict(self._pids))
        write_private(self._path, json.dumps(self._published.as_json(), indent=2) + "\n")
        return self._published

    def remove(self) -> None:
        """Remove the file for good. Does nothing when there is no file."""
        self._published = None
        self._path.unlink(missing_ok=True)


def read_endpoints(data_dir: Path) -> Endpoints | None:
    """Return the endpoints of the service on the folder; None when no service runs.

    A file that a killed supervisor left behind is ignored. Then its process is gone, or another program has its
    process id but does not hold the folder's lock.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads((data_dir / FILE_NAME).read_text())
        endpoints = Endpoints(
            http_url=stored["http_url"],
            mongodb_url=stored["mongodb_url"],
            redis_url=stored["redis_url"],
            pids=dict(stored["pids"]),
        )
        if _is_alive(endpoints.pids[SUPERVISOR]) and is_claimed(data_dir):
            return endpoints
    return None


def _masked(url: str) -> str:
    return _PASSWORD.sub(r"\1\2***", url)


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user
        return True
    return True
