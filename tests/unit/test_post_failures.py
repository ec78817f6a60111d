import ssl
from socket import gaierror

import httpx2
import pytest

from docustore.post_failures import failure_text

URL = "https://example.org/hook?token=s3cret"


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (gaierror(-2, "Name or service not known"), "cannot be resolved"),
        (caused(httpx2.ConnectError(URL), ssl.SSLCertVerificationError("self-signed")), "certificate"),
        (caused(httpx2.ConnectError(URL), ssl.SSLError("wrong version number")), "TLS"),
        (httpx2.ConnectError(URL), "no connection"),
        (httpx2.ReadTimeout(URL), "in time"),
        (TimeoutError(), "in time"),
        (httpx2.RemoteProtocolError(URL), "without an answer"),
        (httpx2.InvalidURL(URL), "InvalidURL"),
    ],
)
def test_failure_is_told_in_words_without_the_url(error: Exception, text: str) -> None:
    """`gaierror` told an operator nothing, and the text of an error may quote a token."""
    assert text in failure_text(error)
    assert "s3cret" not in failure_text(error)
