"""Static files of the package: public, and cacheable by browsers.

A browser may use its copy for some time. Then it asks with the file's `ETag`, and gets 304 if nothing changed.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Router
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.static_files import create_static_files_router

MAX_AGE_S: Final = 3600
# Linux allows 255 bytes for a name and 4,096 for a path with its folder. No file of ours comes near.
MAX_NAME_BYTES: Final = 255
MAX_PATH_BYTES: Final = 1024
_IS_FILE: Final = "is_static_file"

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


def static_files(
    path: str, directory: str, *, name: str, opt: dict[str, Any], max_age_s: int = MAX_AGE_S
) -> Router:
    """Serve the files of a directory below a path.

    Args:
        max_age_s: How long a browser may use its copy without asking, in seconds.
    """
    return create_static_files_router(
        path=path,
        directories=[directory],
        name=name,
        opt={**opt, _IS_FILE: True},
        cache_control=CacheControlHeader(max_age=max_age_s, public=True),
        middleware=[not_modified],
    )


def refuse_impossible_file(request: Request[Any, Any, Any]) -> None:
    """Refuse a name that no file can have; do nothing for other routes.

    The file system raises an error of its own for such a name, and the answer would be 500.

    Raises:
        NotFoundException: The path, or one of its names, is too long.
    """
    if not request.route_handler.opt.get(_IS_FILE):
        return
    encoded = request.scope["path"].encode()
    if len(encoded) > MAX_PATH_BYTES or max(map(len, encoded.split(b"/"))) > MAX_NAME_BYTES:
        raise NotFoundException


def not_modified(app: AsgiApp) -> AsgiApp:
    """Wrap an ASGI application so that it answers 304 for a copy that is current."""

    async def revalidated(scope: Any, receive: Any, send: Any) -> None:
        given = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
        is_current = False

        async def send_unless_current(message: Any) -> None:
            nonlocal is_current
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                is_current = message["status"] == HTTPStatus.OK and _matches(given, dict(headers).get(b"etag"))
                if is_current:
                    kept = [header for header in headers if header[0] in _KEPT]
                    message = {**message, "status": HTTPStatus.NOT_MODIFIED.value, "headers": kept}
            elif is_current:
                message = {**message, "body": b""}
            await send(message)

        await app(scope, receive, send_unless_current)

    return revalidated


_KEPT: Final = frozenset({b"cache-control", b"etag", b"last-modified"})


def _matches(given: bytes, etag: bytes | None) -> bool:
    tags = {tag.strip().removeprefix(b"W/") for tag in given.split(b",")}
    return etag is not None and (b"*" in tags or etag.removeprefix(b"W/") in tags)
