"""Say why a message could not be posted. Pure.

The text of an exception may quote the URL, which may contain a token, so it is never shown.
"""

import ssl
from collections.abc import Iterator
from socket import gaierror
from typing import Final

import httpx2

# The error or one of its causes, in this order.
_REASONS: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((gaierror,), "the host name cannot be resolved"),
    ((ssl.SSLCertVerificationError,), "its TLS certificate is not valid"),
    ((ssl.SSLError,), "it does not speak TLS as expected"),
    ((httpx2.ConnectError, httpx2.ConnectTimeout, ConnectionRefusedError), "no connection"),
    ((httpx2.TimeoutException, TimeoutError), "no answer in time"),
    (
        (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError),
        "the connection was closed without an answer",
    ),
)


def failure_text(error: Exception) -> str:
    """Return the reason in plain words, without the URL; else the name of the error."""
    causes = tuple(_causes(error))
    for kinds, reason in _REASONS:
        if any(isinstance(cause, kinds) for cause in causes):
            return reason
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
