import pytest

from docustore.security.client_address import Client, client_of, networks

PROXY = "10.0.0.5"
TRUSTED = networks(["10.0.0.0/8", "fd00::/8", "192.0.2.1"])


def seen(*headers: tuple[bytes, bytes], peer: str | None = PROXY, scheme: str = "http") -> Client:
    return client_of(peer=peer, scheme=scheme, headers=headers, trusted=TRUSTED)


def forwarded(value: str) -> tuple[bytes, bytes]:
    return (b"x-forwarded-for", value.encode())


def test_headers_of_an_untrusted_peer_change_nothing() -> None:
    spoofed = [forwarded("198.51.100.1"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"evil.test")]

    assert seen(*spoofed, peer="203.0.113.9") == Client(address="203.0.113.9", scheme="http")


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        (["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        (["1.1.1.1", "198.51.100.1, 192.0.2.1"], "198.51.100.1"),
        (["198.51.100.1:4711"], "198.51.100.1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1, fd00::7"], "2001:db8::1"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["198.51.100.1, junk"], PROXY),
        (["198.51.100.1, junk, 10.2.2.2"], "10.2.2.2"),
        ([""], PROXY),
        ([], PROXY),
    ],
)
def test_client_is_the_rightmost_untrusted_hop(lines: list[str], address: str) -> None:
    assert seen(*map(forwarded, lines)).address == address


@pytest.mark.parametrize(
    ("given", "scheme"), [(b"https", "https"), (b"http, HTTPS", "https"), (b"gopher", "http")]
)
def test_scheme_is_what_the_nearest_proxy_says(given: bytes, scheme: str) -> None:
    assert seen((b"x-forwarded-proto", given)).scheme == scheme


def test_host_is_what_the_nearest_proxy_says() -> None:
    assert seen((b"x-forwarded-host", b"evil.test, api.example.org")).host == "api.example.org"


def test_peer_in_ipv6_form_of_ipv4_is_trusted() -> None:
    assert seen(forwarded("198.51.100.1"), peer="::ffff:10.0.0.5").address == "198.51.100.1"


def test_connection_without_an_address_is_unknown() -> None:
    assert seen(forwarded("198.51.100.1"), peer=None).address == "unknown"
