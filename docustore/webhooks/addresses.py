"""The addresses that a webhook may call.

The host of a webhook is chosen by a client of the API. It must not reach the servers behind docustore: private,
loopback, link-local and other special addresses are refused unless a setting allows their network. The
connection goes to the very address that was checked, so a name that resolves to another address a moment later
changes nothing.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx2

from docustore.security.client_address import Network

Address = IPv4Address | IPv6Address
MAX_URL_CHARS: Final = 2000
MAX_PORT: Final = 65_535
_PORTS: Final = {"http": 80, "https": 443}
# IPv6 addresses that a gateway translates to the IPv4 address in their last four bytes (RFC 6052).
_TRANSLATED: Final = ip_network("64:ff9b::/96")
# Networks that lead to no public server, which `is_global` takes for public: IPv4-compatible and IPv4-translated
# addresses, translations of a local gateway, documentation, segment routing, and the old site-local addresses.
# https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_PUBLIC: Final = tuple(
    map(ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "fec0::/10"))
)
# Addresses that are tried for one attempt, in the order of the resolver.
_MAX_TRIED: Final = 3


class AddressRefusedError(Exception):
    """The host has an address that must not be called.

    The message names the setting that allows it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes.

    `url` has a checked address instead of the name. `host` is for the header Host, `name` for TLS.
    """

    url: httpx2.URL
    host: str
    name: str


def url_problem(url: str) -> str | None:
    """Tell what is wrong with the form of a URL; None if nothing is."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):
        return "must be an absolute URL that starts with http:// or https://"
    if parsed.scheme not in _PORTS or not parsed.host:
        return "must be an absolute URL that starts with http:// or https://"
    if parsed.port is not None and not 0 < parsed.port <= MAX_PORT:
        return f"must have a port from 1 to {MAX_PORT}, or none"
    if parsed.userinfo or parsed.fragment:
        return "must contain no password and no fragment; the requests are signed instead"
    return None


async def targets_of(url: str, *, allowed: Sequence[Network]) -> list[Target]:
    """Resolve the host of a URL and check every address of it.

    Args:
        allowed: Networks that may be called although they are private, also without TLS.

    Raises:
        AddressRefusedError: An address must not be called.
        OSError: The name cannot be resolved.
    """
    parsed = httpx2.URL(url)
    name = parsed.raw_host.decode("ascii")
    addresses = await _resolved(name, parsed.port or _PORTS[parsed.scheme])
    for address in addresses:
        if (problem := address_problem(address, scheme=parsed.scheme, allowed=allowed)) is not None:
            raise AddressRefusedError(problem)
    host = parsed.netloc.decode("ascii")
    return [
        Target(url=parsed.copy_with(host=str(address)), host=host, name=name) for address in addresses[:_MAX_TRIED]
    ]


def address_problem(address: Address, *, scheme: str, allowed: Iterable[Network]) -> str | None:
    """Tell why an address must not be called; None if it may."""
    if any(address in network for network in allowed):
        return None
    if not is_public(address):
        return (
            f"{address} is no public address; to allow it, add its network to the JSON array "
            "DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS of all processes"
        )
    if scheme != "https":
        return "public addresses are called by https:// only"
    return None


def is_public(address: Address) -> bool:
    """Tell whether an address is public, and the one that is written inside it."""
    if not address.is_global or address.is_multicast or any(address in network for network in _NOT_PUBLIC):
        return False
    inner = _inner(address)
    return inner is None or is_public(inner)


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


async def _resolved(name: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    # The scope of a link-local address is not part of it.
    addresses = (ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    return list(dict.fromkeys(addresses))
