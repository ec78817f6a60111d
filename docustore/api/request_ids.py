"""The id of a request: the caller's own, or a new one.

It is in the response header `X-Request-Id`, in problem details, in log lines, and in the cause of every user that
the request writes.
"""

import re
from contextvars import ContextVar
from secrets import token_hex
from typing import Any, Final

from structlog.contextvars import STRUCTLOG_KEY_PREFIX

NAME: Final = "X-Request-Id"
HEADER: Final = b"x-request-id"
MAX_CHARS: Final = 128
# UUIDs, trace ids and the ids of proxies. An id goes into logs and into the store: no spaces, quotes or controls.
WELL_FORMED: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,%d}" % (MAX_CHARS - 1))
# structlog adds every variable with this prefix to the lines of the log.
LOGGED_ID: Final[ContextVar[str]] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id")
_KEY: Final = "docustore_request_id"


def request_id(scope: Any) -> str:
    """Return the id of a request, the same at every call for its ASGI scope.

    A malformed, long or repeated id of the caller is replaced by a new one: 32 hex digits.
    """
    known: str | None = scope.get(_KEY)
    if known is None:
        given = [value for name, value in scope["headers"] if name == HEADER]
        is_usable = len(given) == 1 and WELL_FORMED.fullmatch(given[0]) is not None
        known = scope[_KEY] = given[0].decode("ascii") if is_usable else token_hex(16)
    return known
