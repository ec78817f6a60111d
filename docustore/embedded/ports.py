"""Free ports on the loopback interface, remembered between starts."""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from docustore.errors import ConfigurationError

LOOPBACK: Final = "127.0.0.1"
PORTS_FILE: Final = "ports.json"


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Tell whether a server can listen on the port now.

    Another program may take the port a moment later.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections in TIME_WAIT do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(*, preferred: int | None = None, host: str = LOOPBACK) -> int:
    """Return the preferred port if it is free, otherwise one that the system picks."""
    if preferred is not None and is_free(preferred, host=host):
        return preferred
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def settled_port(port: int, *, host: str) -> int:
    """Return the port for the API: the given one, or a free one for 0.

    Checked before the start, because the API's server would share the port with others that allow it.

    Raises:
        ConfigurationError: The port is taken.
    """
    if port == 0:
        return free_port(host=host)
    if not is_free(port, host=host):
        raise ConfigurationError(
            setting="DOCUSTORE_PORT",
            problem=f"port {port} on {host} is taken: "
            "stop the program that uses it, or pass --port 0 for a free one",
        )
    return port


def remembered_ports(data_dir: Path) -> dict[str, int]:
    """Return the ports of the last start by server name; empty when unreadable."""
    with suppress(OSError, ValueError):
        ports = json.loads((data_dir / PORTS_FILE).read_text())
        return {name: port for name, port in ports.items() if isinstance(port, int)}
    return {}


def remember_ports(data_dir: Path, ports: Mapping[str, int]) -> None:
    """Store the ports for the next start, so that noted addresses stay valid."""
    (data_dir / PORTS_FILE).write_text(json.dumps(dict(ports)))
