"""Addresses of servers behind a proxy."""

from urllib.parse import urlsplit


def host_and_port(url: str | None) -> tuple[str, int]:
    """Return where the server of the URL listens."""
    parts = urlsplit(url or "")
    return parts.hostname or "", parts.port or 0


def direct_url(mongodb_url: str | None, *, port: int) -> str:
    """Return the URL with the same account on another port of this machine.

    The connection is direct: otherwise the driver would learn the server's own address and go past the proxy.
    """
    credentials, at, _ = urlsplit(mongodb_url or "").netloc.rpartition("@")
    return f"mongodb://{credentials}{at}127.0.0.1:{port}/?directConnection=true"
