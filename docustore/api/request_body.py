"""Request bodies: JSON in UTF-8, read within a size limit and a deadline.

Any other body is refused with the reason.

This is the only module that reads a body. It works the same under HTTP/1.1 and HTTP/2: it looks at the bytes, not
only at the headers that announce them. The guards run before it: no body is read for a caller without a key.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, Final

from litestar import Request
from litestar.exceptions import ClientException, HTTPException, SerializationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE
from litestar.types import Empty, Receive

from docustore.api.patches import ACCEPT_PATCH, PLAIN_JSON, PatchType
from docustore.errors import BodyTimeoutError, ClientDisconnectedError

# The largest valid user is about 100 kB of JSON; a long patch of it is not much larger.
MAX_BODY_BYTES: Final = 1_000_000
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
JSON_TYPES: Final = frozenset({PLAIN_JSON})
PATCH_TYPES: Final = JSON_TYPES | {patch_type.value for patch_type in PatchType}


async def read_body(receive: Receive, *, max_bytes: int, timeout_s: float) -> bytes:
    """Read a whole body.

    Raises:
        RequestEntityTooLarge: 413; the body is larger than `max_bytes`. The rest of it is not read.
        BodyTimeoutError: The body is not complete after `timeout_s` seconds, however steadily it arrives.
        ClientDisconnectedError: The client closed the connection, or reset the stream, before the end.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnectedError
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > max_bytes:
                    raise RequestEntityTooLarge
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as exc:
        raise BodyTimeoutError(timeout_s=timeout_s) from exc


class ApiRequest(Request[Any, Any, Any]):
    """A request that reads its body with `read_body`."""

    async def body(self) -> bytes:
        """Return the body; read it at the first call."""
        state = self._connection_state
        if state.body is Empty:
            length = self.content_length
            if length is not None and length > MAX_BODY_BYTES:
                raise RequestEntityTooLarge
            timeout_s = self.app.state.settings.http_read_timeout_s
            body = await read_body(self.receive, max_bytes=MAX_BODY_BYTES, timeout_s=timeout_s)
            # The server reports a cancelled stream of HTTP/2 as the end of its body.
            if length is not None and len(body) < length:
                raise ClientDisconnectedError
            state.body = body
        return state.body

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as one chunk."""
        yield await self.body()

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            ClientException: 400; the body is not JSON in UTF-8, or it is nested too deeply for the parser.
        """
        try:
            return await super().json()
        except SerializationException as exc:
            raise ClientException(f"the body is not valid JSON: {_problem_of(str(exc))}") from exc
        except UnicodeDecodeError as exc:
            raise ClientException("the body is not UTF-8") from exc
        except RecursionError as exc:
            raise ClientException("the body is nested too deeply") from exc


def _problem_of(message: str) -> str:
    """Say what is wrong with JSON.

    The message of the parser names its own types.
    """
    if "out of range" in message:
        return "a number is out of range"
    place = _BYTE.search(message)
    return f"an error is near byte {place[1]}" if place else "it ends too early"


def takes_body(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the route reads a body."""
    return "data" in request.route_handler.parsed_fn_signature.parameters


async def refuse_unreadable_body(request: Request[Any, Any, Any]) -> None:
    """Refuse missing bodies and bodies of another type before they are parsed.

    Raises:
        HTTPException: 415 for another media type, with the accepted types; 400 for a missing body.
    """
    if not takes_body(request):
        return
    known = PATCH_TYPES if request.method == "PATCH" else JSON_TYPES
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    detail = f"send the body as {' or '.join(sorted(known))}"
    # A body of another type is not read if its length is announced. HTTP/2 need not announce it.
    if (given in known or not _announces_body(request)) and not await request.body():
        raise ClientException(f"the body is missing: {detail}")
    if given not in known:
        headers = {"Accept-Patch": ACCEPT_PATCH} if request.method == "PATCH" else {"Accept": "application/json"}
        raise HTTPException(detail, status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, headers=headers)


def _announces_body(request: Request[Any, Any, Any]) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
