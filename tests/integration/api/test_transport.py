"""Requests that end early, arrive slowly, or are larger than allowed, over HTTP/1.1 and HTTP/2."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from tests.conftest import DatabasePool, Servers
from tests.integration.api.served import KEY, Served, served
from tests.raw_http import Answer, Http2Stream, connection, http2
from tests.waiting import until

JSON = ("content-type", "application/json")
CHUNKED = ("transfer-encoding", "chunked")
CREATE = ("POST", "/users")
MAX_BODY_BYTES = 1_000_000

Exchange = Callable[[int, list[tuple[str, str]], list[bytes]], Awaitable[Answer]]


@pytest.fixture(scope="module")
async def api(
    servers: Servers, database_pool: DatabasePool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("api")
    async with served(servers, folder, database=database_pool.new()) as running:
        yield running


@pytest.fixture(scope="module")
async def impatient(
    servers: Servers, database_pool: DatabasePool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """A server that waits one second for the head of a request, and one second for its body."""
    folder = tmp_path_factory.mktemp("impatient")
    async with served(servers, folder, database=database_pool.new(), http_read_timeout_s="1") as running:
        yield running


async def over_http1(port: int, headers: list[tuple[str, str]], chunks: list[bytes]) -> Answer:
    """Send a chunked body without a length; without chunks, no body at all."""
    async with connection(port) as opened:
        await opened.head(*CREATE, [*headers, CHUNKED] if chunks else headers)
        if chunks:
            await opened.send(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n")
        return await opened.answer()


async def over_http2(port: int, headers: list[tuple[str, str]], chunks: list[bytes]) -> Answer:
    return await http2(port, *CREATE, headers, chunks=chunks)


BOTH_PROTOCOLS = pytest.mark.parametrize("exchange", [over_http1, over_http2])


def assert_problem(answer: Answer, status: int, kind: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer
    assert answer.json()["type"] == f"/problems/{kind}"


def assert_no_error_in(log: str) -> None:
    assert "request.failed" not in log
    assert "Traceback" not in log


@BOTH_PROTOCOLS
async def test_body_without_a_length_is_read(api: Served, exchange: Exchange) -> None:
    body = json.dumps({"email": f"{exchange.__name__}@example.org"}).encode()

    answer = await exchange(api.port, [KEY, JSON], [body[:7], body[7:]])

    assert (answer.status, answer.json()["email"]) == (201, f"{exchange.__name__}@example.org")


@BOTH_PROTOCOLS
@pytest.mark.parametrize("headers", [[], [("content-length", "0")], [JSON]])
async def test_missing_body_is_400(api: Served, exchange: Exchange, headers: list[tuple[str, str]]) -> None:
    answer = await exchange(api.port, [KEY, *headers], [])

    assert_problem(answer, 400, "bad-request")
    assert "the body is missing" in answer.json()["detail"]


async def test_empty_http2_body_is_400(api: Served) -> None:
    assert_problem(await over_http2(api.port, [KEY, JSON], [b""]), 400, "bad-request")


@BOTH_PROTOCOLS
async def test_body_of_another_type_is_415(api: Served, exchange: Exchange) -> None:
    answer = await exchange(api.port, [KEY, ("content-type", "text/plain")], [b"{}"])

    assert_problem(answer, 415, "unsupported-media-type")


async def test_announced_body_above_the_limit_is_413_unread(api: Served) -> None:
    async with connection(api.port) as opened:
        await opened.head(*CREATE, [KEY, JSON, ("content-length", str(MAX_BODY_BYTES + 1))])

        assert_problem(await opened.answer(), 413, "request-entity-too-large")


async def test_unannounced_http1_body_above_the_limit_is_413(api: Served) -> None:
    """The body never ends: the server answers as soon as it has read too much."""
    async with connection(api.port) as opened:
        await opened.head(*CREATE, [KEY, JSON, CHUNKED])
        await opened.send(b"%x\r\n%b" % (MAX_BODY_BYTES + 1, b" " * (MAX_BODY_BYTES + 1)))

        assert_problem(await opened.answer(), 413, "request-entity-too-large")


async def test_unannounced_http2_body_above_the_limit_is_413(api: Served) -> None:
    large = [b" " * 500_000, b" " * 500_001]

    answer = await http2(api.port, *CREATE, [KEY, JSON], chunks=large, ends=False)

    assert_problem(answer, 413, "request-entity-too-large")


async def test_body_of_the_largest_size_is_read(api: Served) -> None:
    async with connection(api.port) as opened:
        await opened.head(*CREATE, [KEY, JSON, ("content-length", str(MAX_BODY_BYTES))])
        await opened.send(b" " * MAX_BODY_BYTES)

        assert_problem(await opened.answer(), 400, "bad-request")


@pytest.mark.parametrize("headers", [[], [("authorization", "Bearer dsk_x_y")]])
async def test_request_without_a_key_is_refused_before_its_body(
    api: Served, headers: list[tuple[str, str]]
) -> None:
    """No byte of the body is sent."""
    async with connection(api.port) as opened:
        await opened.head(*CREATE, [*headers, JSON, ("content-length", str(MAX_BODY_BYTES))])

        assert_problem(await opened.answer(), 401, "unauthenticated")

    answer = await http2(api.port, *CREATE, [*headers, JSON], ends=False)
    assert_problem(answer, 401, "unauthenticated")


async def hang_up(api: Served, headers: list[tuple[str, str]], start: bytes) -> None:
    async with connection(api.port) as opened:
        await opened.head(*CREATE, headers)
        await opened.send(start)


async def test_hanging_up_in_the_body_is_no_error(api: Served) -> None:
    """It is counted under a status of its own, and nothing is logged."""
    errors, gone = await api.count("/users", status=500), await api.count("/users", status=499)
    size = len(api.log)
    for _ in range(10):
        await hang_up(api, [KEY, JSON, ("content-length", "100")], b'{"email":')
        await hang_up(api, [KEY, JSON, CHUNKED], b'3\r\n{"e\r\n')
        async with connection(api.port) as opened:
            stream = await Http2Stream(opened).head(*CREATE, [KEY, JSON, ("content-length", "100")], ends=False)
            await stream.send(b'{"email":')
            await stream.reset()

    async def all_are_counted() -> bool:
        return await api.count("/users", status=499) == gone + 30

    await until(all_are_counted)
    assert await api.count("/users", status=500) == errors
    assert len(api.log) == size, api.log[size:]


@pytest.mark.parametrize(
    ("headers", "start"),
    [
        ([("content-length", "100")], b'{"email":'),
        ([CHUNKED], b'3\r\n{"e\r\n'),
        ([CHUNKED], b'zz\r\n{"e\r\n0\r\n\r\n'),
    ],
)
async def test_incomplete_body_is_400_for_a_client_that_still_reads(
    api: Served, headers: list[tuple[str, str]], start: bytes
) -> None:
    """Such a client looks like one that has hung up."""
    async with connection(api.port) as opened:
        await opened.head(*CREATE, [KEY, JSON, *headers])
        await opened.send(start)
        opened.writer.write_eof()
        answer = await opened.answer()

    assert_problem(answer, 400, "bad-request")
    assert "the body is incomplete" in answer.json()["detail"]


async def test_cancelled_http2_body_of_unknown_length_is_no_error(api: Served) -> None:
    """The server may report it as complete (400): JSON that is cut short is never valid."""

    async def ended() -> float:
        return await api.count("/users", status=400) + await api.count("/users", status=499)

    errors, before = await api.count("/users", status=500), await ended()
    async with connection(api.port) as opened:
        stream = await Http2Stream(opened).head(*CREATE, [KEY, JSON], ends=False)
        await stream.send(b'{"email": "cut@example.org"')
        await stream.reset()

    async def is_counted() -> bool:
        return await ended() == before + 1

    await until(is_counted)
    assert await api.count("/users", status=500) == errors


async def test_hanging_up_at_a_public_route_is_no_error(api: Served) -> None:
    gone = await api.count("/login", status=499)
    size = len(api.log)
    async with connection(api.port) as opened:
        await opened.head("POST", "/login", [JSON, ("content-length", "100"), ("origin", "http://api.test")])
        await opened.send(b'{"key":')

    async def is_counted() -> bool:
        return await api.count("/login", status=499) == gone + 1

    await until(is_counted)
    assert len(api.log) == size, api.log[size:]


async def test_hanging_up_without_a_key_is_401(api: Served) -> None:
    refused = await api.count("/users", status=401)
    for _ in range(5):
        await hang_up(api, [JSON, ("content-length", "100")], b'{"email":')

    async def all_are_counted() -> bool:
        return await api.count("/users", status=401) == refused + 5

    await until(all_are_counted)
    assert_no_error_in(api.log)


async def test_hanging_up_before_the_answer_is_no_error(api: Served) -> None:
    """A request that has arrived is carried out. The end of a connection may overtake its last bytes."""
    created = await api.count("/users", status=201)
    numbers = count()

    async def is_created() -> bool:
        email = f"gone{next(numbers)}@example.org"
        body = b'{"email": "%b", "password": "a long enough password"}' % email.encode()
        await hang_up(api, [KEY, JSON, ("content-length", str(len(body)))], body)
        return await api.count("/users", status=201) > created

    await until(is_created)
    assert_no_error_in(api.log)


async def test_slow_http1_body_is_408_and_closes(impatient: Served) -> None:
    async with connection(impatient.port) as opened:
        await opened.head(*CREATE, [KEY, JSON, ("content-length", "100000")])
        answer = await opened.answer_while_sending(b" ")

        assert_problem(answer, 408, "body-timeout")
        assert answer.headers["connection"] == "close"
        assert await opened.is_closed_by_server()
    assert_no_error_in(impatient.log)


async def test_slow_http2_body_is_408(impatient: Served) -> None:
    answer = await http2(impatient.port, *CREATE, [KEY, JSON], chunks=[b'{"email":'], ends=False)

    assert_problem(answer, 408, "body-timeout")
    assert "connection" not in answer.headers
    assert_no_error_in(impatient.log)


async def test_slow_head_is_cut_off(impatient: Served) -> None:
    async with connection(impatient.port) as opened:
        await opened.send(b"GET /health/live HTTP/1.1\r\nHost: api.test\r\nx: ")

        assert await opened.is_closed_by_server()


async def test_silent_http2_connection_is_closed(impatient: Served) -> None:
    """The client answers no ping."""
    async with connection(impatient.port) as opened:
        await opened.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))

        assert await opened.is_closed_by_server()


async def test_http2_headers_above_the_limit_are_refused(api: Served) -> None:
    answer = await http2(api.port, "GET", "/health/live", [("x", "y" * 100_000)])

    assert answer.status in {0, 431}
