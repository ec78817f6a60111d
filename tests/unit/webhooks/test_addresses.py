"""Webhooks reach the public internet, and nothing behind docustore."""

from ipaddress import ip_address, ip_network

import pytest

from docustore.webhooks.addresses import (
    AddressRefusedError,
    address_problem,
    is_public,
    targets_of,
    url_problem,
)

LOOPBACK = [ip_network("127.0.0.0/8")]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # refused
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::5db8:d822",
        "64:ff9b:1:7f00:0:100::",
        "fec0::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    """Also where IPv6 hides the IPv4 address of a private server."""
    assert not is_public(ip_address(address))
    assert address_problem(ip_address(address), scheme="https", allowed=[]) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_public_addresses_are_called_by_tls_only(address: str) -> None:
    assert is_public(ip_address(address))
    assert address_problem(ip_address(address), scheme="https", allowed=[]) is None
    assert "https" in str(address_problem(ip_address(address), scheme="http", allowed=[]))


def test_setting_allows_a_private_network() -> None:
    assert address_problem(ip_address("127.0.0.1"), scheme="http", allowed=LOOPBACK) is None
    assert address_problem(ip_address("10.0.0.1"), scheme="http", allowed=LOOPBACK) is not None


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://2130706433/x", "https://0x7f.1/x", "https://[::1]/x", "https://localhost/x"],
)
async def test_spellings_of_loopback_are_refused(url: str) -> None:
    with pytest.raises((AddressRefusedError, OSError)):
        await targets_of(url, allowed=[])


async def test_connection_goes_to_the_checked_address() -> None:
    """The name is resolved once: the answer of a second question could differ."""
    [target, *_] = await targets_of("http://localhost:8080/hook?a=b", allowed=[*LOOPBACK, ip_network("::1/128")])

    assert ip_address(target.url.host.strip("[]")).is_loopback
    assert (target.url.port, target.url.raw_path) == (8080, b"/hook?a=b")
    assert (target.host, target.name) == ("localhost:8080", "localhost")


@pytest.mark.parametrize(
    ("url", "is_wrong"),
    [
        ("https://example.org/hook", False),
        ("http://example.org:8080/hook?x=1", False),
        ("https://bücher.example/hook", False),
        ("ftp://example.org/", True),
        ("example.org", True),
        ("https:///hook", True),
        ("https://user:secret@example.org/", True),
        ("https://example.org/#part", True),
        ("https://[::1", True),
        ("https://example.org:65535/", False),
        ("https://example.org:65536/", True),
        ("https://example.org:0/", True),
        ("", True),
    ],
)
def test_form_of_a_url(url: str, is_wrong: bool) -> None:
    assert (url_problem(url) is not None) is is_wrong
