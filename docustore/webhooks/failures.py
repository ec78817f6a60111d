"""Say why a message could not be posted. Pure.

The text of an exception may quote the URL, which may contain a token, so it is never shown.
"""

import ssl
from collections.abc import Iterator
from socket import gaierror

import httpx2


def failure_text(error: Exception) -> str:
    """Return the reason in plain words, without the URL; else the name of the error."""
    causes = tuple(_causes(error))
    if any(isinstance(cause, gaierror) for cause in causes):
        return "the host name cannot be resolved"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "the TLS certificate of the endpoint is not valid"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "the endpoint does not speak TLS as expected"
    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | ConnectionRefusedError():
            return "no connection to the endpoint"
        case httpx2.ReadError() | httpx2.WriteError() | httpx2.RemoteProtocolError():
            return "the endpoint closed the connection without an answer"
        case _:
            return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
