"""Requests whose end two servers could see in two places."""

import pytest

from tests.api_process import ApiProcess
from tests.attacks.raw_http import exchange, statuses

HOST = b"Host: api.test\r\n"
SECOND = b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
ACTION = b"POST /login HTTP/1.1\r\n" + HOST


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Length: 5, 0\r\n\r\nhello",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: +5\r\n\r\nhello",
        b"Content-Length: 0x5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nZ\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Content-Length : 5\r\n\r\nhello",
        b"X: a\r\n b: folded\r\nContent-Length: 0\r\n\r\n",
        b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_ambiguous_request_is_refused_or_closes(process: ApiProcess, head: bytes) -> None:
    """No bytes of such a request are read as a second request."""
    answered = statuses(await exchange(process, ACTION + head + SECOND))

    assert len(answered) <= 1
    assert all(400 <= status < 500 for status in answered)


async def test_chunked_wins_over_a_length_and_closes(process: ApiProcess) -> None:
    """RFC 9112, section 6.3: such a message is read as chunked, and the connection is closed or it is refused."""
    head = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"

    answered = statuses(await exchange(process, ACTION + head + b"0\r\n\r\n" + SECOND))

    assert 200 not in answered[:1]
    assert len(answered) <= 2


async def test_two_requests_in_one_packet_are_two(process: ApiProcess) -> None:
    first = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"

    assert statuses(await exchange(process, first + SECOND)) == [200, 200]
