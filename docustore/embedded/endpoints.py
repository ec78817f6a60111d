"""`endpoints.json`: where the parts of a running `up` are, for people's tools and for the other commands."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from docustore.embedded.data_dir import is_claimed

ENDPOINTS_FILE: Final = "endpoints.json"
SUPERVISOR: Final = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses and process ids of a running service.

    `pids` has the keys supervisor, api, worker, listener, mongod and valkey; None = not a process of ours.
    """

    http_url: str
    mongodb_url: str
    redis_url: str
    pids: Mapping[str, int | None]

    def as_json(self) -> dict[str, Any]:
        """Return the document of `endpoints.json`."""
        return asdict(self)


def write_endpoints(data_dir: Path, endpoints: Endpoints) -> None:
    """Replace the file at once: a reader sees the old or the new one, never half of either.

    Only its owner may read it, as an address may hold a password.
    """
    fresh = data_dir / f"{ENDPOINTS_FILE}.{os.getpid()}.tmp"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(endpoints.as_json(), file, indent=2)
        file.write("\n")
    fresh.replace(data_dir / ENDPOINTS_FILE)


def remove_endpoints(data_dir: Path) -> None:
    """Remove the file; nothing happens where there is none."""
    (data_dir / ENDPOINTS_FILE).unlink(missing_ok=True)


def read_endpoints(data_dir: Path) -> Endpoints | None:
    """Return the endpoints of the service that runs on the folder; None when none does.

    A file that a killed supervisor left behind counts for nothing: its process is gone, or (where another
    program got its id) nobody holds the folder.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads((data_dir / ENDPOINTS_FILE).read_text())
        endpoints = Endpoints(
            http_url=stored["http_url"],
            mongodb_url=stored["mongodb_url"],
            redis_url=stored["redis_url"],
            pids=dict(stored["pids"]),
        )
        if _is_alive(endpoints.pids[SUPERVISOR]) and is_claimed(data_dir):
            return endpoints
    return None


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, as another user
        return True
    return True
