"""The client of a request behind trusted proxies. Pure.

A proxy appends the address of its own client to `X-Forwarded-For`. Only the part that trusted proxies wrote is
true: it is read from the right, and the first address that is not a trusted proxy is the client. A client can
write anything to the left of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
SCHEMES: Final = frozenset({"http", "https"})
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The address and the scheme of a client, and the host that it asked for.

    `host` is None if no trusted proxy names it.
    """

    address: str
    scheme: str
    host: str | None = None


def networks(trusted: Iterable[str]) -> tuple[Network, ...]:
    """Parse addresses and networks, such as `10.0.0.5` and `10.0.0.0/8`.

    Raises:
        ValueError: One of them is malformed.
    """
    return tuple(ip_network(entry) for entry in trusted)


def client_of(
    *, peer: str | None, scheme: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]
) -> Client:
    """Return the client of a request.

    Args:
        peer: The address of the other end of the connection; None if it has none.
        scheme: The scheme of the connection.
        headers: Names in lower case.
    """
    nearest = _parsed(peer or "")
    if nearest is None or not _is_trusted(nearest, trusted):
        return Client(address=UNKNOWN if nearest is None else str(nearest), scheme=scheme)
    given = list(headers)
    protocol = _last(given, b"x-forwarded-proto")
    return Client(
        address=str(_client_address(nearest, _values(given, b"x-forwarded-for"), trusted)),
        scheme=protocol.lower() if protocol and protocol.lower() in SCHEMES else scheme,
        host=_last(given, b"x-forwarded-host"),
    )


def _client_address(
    nearest: IPv4Address | IPv6Address, hops: Sequence[str], trusted: Sequence[Network]
) -> IPv4Address | IPv6Address:
    address = nearest
    for hop in reversed(hops):
        parsed = _parsed(hop)
        if parsed is None:
            return address
        address = parsed
        if not _is_trusted(address, trusted):
            return address
    return address


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address; some proxies add a port."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    # A socket for both versions reports IPv4 peers in this form.
    return getattr(address, "ipv4_mapped", None) or address


def _last(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next(reversed(_values(headers, name)), None)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Split a list header; several lines are one list."""
    lines = [value.decode("latin-1") for key, value in headers if key == name]
    return [part.strip() for part in ",".join(lines).split(",") if part.strip()]
