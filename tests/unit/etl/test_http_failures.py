"""A failed request is told in words, without what an address may hide."""

import httpx2
import pytest

from docustore.etl.sources.http_failures import failure_words

URL = httpx2.URL("http://user:secret@crm.example:9000/users?token=secret")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx2.ConnectError("x"), "no connection to crm.example:9000; check `url`, and whether the service runs"),
        (httpx2.ConnectTimeout("x"), "it took too long to connect to crm.example:9000"),
        (httpx2.ReadTimeout("x"), "crm.example:9000 took too long to answer"),
        (httpx2.RemoteProtocolError("x"), "crm.example:9000 ended the connection or sent no HTTP; check `url`"),
        (httpx2.DecodingError("x"), "the answer of crm.example:9000 cannot be decompressed"),
        (httpx2.WriteError("x"), "the connection to crm.example:9000 failed"),
    ],
)
def test_failure_is_told_in_words(error: httpx2.RequestError, words: str) -> None:
    assert failure_words(error, URL) == f"{words} ({type(error).__name__})"


def test_port_of_the_scheme_is_left_out() -> None:
    assert "no connection to crm.example;" in failure_words(
        httpx2.ConnectError("x"), httpx2.URL("https://crm.example/users")
    )
