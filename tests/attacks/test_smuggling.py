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


async def test_length_beside_chunks_hides_no_request(process: ApiProcess) -> None:
    """RFC 9112, section 6.3: the message is refused, or read as chunked."""
    head = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    # By the length, the body would end in the middle of the last chunk.
    answered = statuses(await exchange(process, ACTION + head + b"0\r\n\r\n" + SECOND))

    assert answered in ([400], [400, 200])


async def test_two_requests_in_one_packet_are_two(process: ApiProcess) -> None:
    first = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"

    assert statuses(await exchange(process, first + SECOND)) == [200, 200]
