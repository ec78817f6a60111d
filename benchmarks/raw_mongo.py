"""A cheap client of MongoDB for steady loads.

It sends encoded commands on connections of its own.

The driver takes more processor time for a write than the server, which a machine of two cores then lacks.

See: https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

import asyncio
import hashlib
import hmac
import secrets
import struct
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import bson
from pymongo.uri_parser import parse_uri

_HEADER: Final = struct.Struct("<iiiiiB")
_SIZE: Final = struct.Struct("<i")
_OP_MSG: Final = 2013
_KIND_BODY: Final = 0
_MECHANISM: Final = "SCRAM-SHA-256"


def op_msg(command: Mapping[str, Any]) -> bytes:
    """Encode a command with its `$db` as a message."""
    body = bson.encode(command)
    return _HEADER.pack(_HEADER.size + len(body), 1, 0, _OP_MSG, 0, _KIND_BODY) + body


class _Connection(asyncio.Protocol):
    """One connection; it sends one message at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._reply: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    async def send(self, message: bytes) -> bytes:
        """Return the body of the reply."""
        assert self._transport is not None
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._reply

    async def run(self, command: Mapping[str, Any]) -> dict[str, Any]:
        return checked(await self.send(op_msg(command)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop have the methods of `asyncio.Transport`, but not the class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < _HEADER.size or len(self._received) < _SIZE.unpack_from(self._received)[0]:
            return
        body = bytes(self._received[_HEADER.size :])
        self._received.clear()
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(exc or ConnectionResetError())


class RawMongo:
    """Connections that are signed in; a message waits for a free one."""

    def __init__(self, connections: list[_Connection]) -> None:
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._idle.put_nowait(connection)

    async def send(self, message: bytes) -> bytes:
        """Send a message of `op_msg`; return the reply, not decoded, for `checked`."""
        connection = await self._idle.get()
        reply = await connection.send(message)
        self._idle.put_nowait(connection)
        return reply


@asynccontextmanager
async def raw_mongo(url: str, *, connections: int) -> AsyncIterator[RawMongo]:
    """Open connections until the block ends.

    Args:
        url: Of one server, with its user and password.
    """
    opened = [await _open(url) for _ in range(connections)]
    yield RawMongo(opened)
    for connection in opened:
        connection.close()


def checked(reply: bytes) -> dict[str, Any]:
    """Decode a reply; a failed command or write ends the benchmark."""
    found = bson.decode(reply)
    if found["ok"] != 1 or "writeErrors" in found or "writeConcernError" in found:
        raise RuntimeError(found)
    return found


async def _open(url: str) -> _Connection:
    parsed = parse_uri(url)
    [(host, port)] = parsed["nodelist"]
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, host, port)
    client = {"driver": {"name": "bench", "version": "1"}, "os": {"type": "any"}, "application": {"name": "load"}}
    await connection.run({"hello": 1, "client": client, "$db": "admin"})
    source = parsed["options"].get("authSource") or parsed["database"] or "admin"
    await _sign_in(connection, parsed["username"], parsed["password"], source)
    return connection


async def _sign_in(connection: _Connection, user: str, password: str, source: str) -> None:
    """Sign in by SCRAM-SHA-256.

    See: https://www.rfc-editor.org/rfc/rfc7677
    """
    first = f"n={user},r={secrets.token_hex(16)}"
    start = {"saslStart": 1, "mechanism": _MECHANISM, "payload": f"n,,{first}".encode(), "$db": source}
    reply = await connection.run(start)
    server_first = reply["payload"].decode()
    given = dict(part.split("=", 1) for part in server_first.split(","))
    without_proof = f"c=biws,r={given['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(given["s"]), int(given["i"]))
    client_key = _hmac(salted, b"Client Key")
    signature = _hmac(hashlib.sha256(client_key).digest(), f"{first},{server_first},{without_proof}".encode())
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    payload = f"{without_proof},p={b64encode(proof).decode()}".encode()
    while not reply["done"]:
        following = {"saslContinue": 1, "conversationId": reply["conversationId"], "payload": payload}
        reply = await connection.run({**following, "$db": source})
        payload = b""


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
