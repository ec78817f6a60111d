"""Why a service did not answer, in words. Pure."""

from typing import Final

import httpx2

# The more special ones first: a `ConnectTimeout` is a timeout too.
_WORDS: Final = (
    (httpx2.ConnectTimeout, "it took too long to connect to {place}"),
    (httpx2.ConnectError, "no connection to {place}; check `url`, and whether the service runs"),
    (httpx2.TimeoutException, "{place} took too long to answer"),
    (httpx2.DecodingError, "the answer of {place} cannot be decompressed"),
    (httpx2.RemoteProtocolError, "{place} ended the connection or sent no HTTP; check `url`"),
)


def failure_words(error: httpx2.RequestError, url: httpx2.URL) -> str:
    """Return the reason of a failure, with the kind of the error.

    Args:
        url: The address of the service. Only its host and port are named: the rest may hold a secret.
    """
    place = f"{url.host}:{url.port}" if url.port else url.host
    words = next((text for kind, text in _WORDS if isinstance(error, kind)), "the connection to {place} failed")
    return f"{words.format(place=place)} ({type(error).__name__})"
