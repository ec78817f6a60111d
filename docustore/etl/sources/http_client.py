"""Ask a service by HTTP: sign-in, redirects, retries, and a size limit.

408, 429, 5xx, transport errors and answers that end too early are retried with jittered backoff, and `Retry-After`
is honoured. 401 is retried once if a new token may help. 401, 403 and all other 4xx are final.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

import httpx2
import stamina

from docustore.errors import ConfigurationError, SourceContentError, SourceRejectedError, SourceUnavailableError
from docustore.etl.sources.http_auth import SignIn, sign_in_of
from docustore.etl.sources.http_failures import failure_words
from docustore.etl.sources.http_times import retry_after
from docustore.etl.sources.page_errors import PageMalformedError, PageTruncatedError, RecordsElsewhereError
from docustore.source_options.address import address_problem
from docustore.source_options.secret import revealed
from docustore.source_options.service import is_sendable
from docustore.source_settings import SourceSettings

NOT_MODIFIED: Final = 304
UNAUTHORIZED: Final = 401
REQUEST_TIMEOUT: Final = 408
TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500
# A redirect with one of these keeps the method and the body (RFC 9110, 15.4). The others turn a POST into a GET.
_KEEPING: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303, *_KEEPING})
MAX_REDIRECTS: Final = 5
# A longer `Retry-After` puts the run off, which frees the worker.
MAX_INLINE_WAIT: Final = timedelta(seconds=60)
BACKOFF_START_S: Final = 0.5
BACKOFF_MAX_S: Final = 20.0
_MB: Final = 1_000_000

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request; `json` is the body of a POST."""

    url: httpx2.URL
    method: str = "GET"
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One successful answer, decompressed; `url` is the last one after redirects."""

    status: int
    headers: httpx2.Headers
    body: bytes
    url: httpx2.URL
    next_link: str | None


class ServiceClient:
    """A connection pool to one service."""

    def __init__(
        self, name: str, settings: SourceSettings, client: httpx2.AsyncClient, *, url: str, sign_in: SignIn
    ) -> None:
        self.url = httpx2.URL(url)
        self._name = name
        self._settings = settings
        self._client = client
        self._sign_in = sign_in
        self._headers = _headers(name, settings)
        self._max_bytes = settings.max_response_mb * _MB

    async def ask(self, question: Question, parse: Callable[[Answer], Parsed]) -> Parsed:
        """Send a request until its answer is whole, and parse the answer.

        Args:
            parse: May raise `PageTruncatedError`, which is retried, or `PageMalformedError`.

        Raises:
            SourceUnavailableError: The service does not answer, or asks to come back later.
            SourceRejectedError: The service refuses the request.
            SourceContentError: The answer is malformed, too large, or a redirect that is not followed.
        """
        async for attempt in stamina.retry_context(
            on=_backoff,
            attempts=self._settings.max_retries + 1,
            timeout=None,
            wait_initial=BACKOFF_START_S,
            wait_max=BACKOFF_MAX_S,
        ):
            with attempt:
                answer = await self._signed_in(question)
                try:
                    return parse(answer)
                except PageTruncatedError as exc:
                    reason = f"the answer is cut short ({exc})"
                    raise SourceUnavailableError(source=self._name, reason=reason) from exc
                except RecordsElsewhereError as exc:
                    raise SourceContentError(
                        source=self._name, problem=str(exc), records_key=exc.records_key
                    ) from exc
                except PageMalformedError as exc:
                    raise self._bad(str(exc)) from exc
        raise AssertionError("unreachable: the loop returns or raises")

    def is_own(self, url: httpx2.URL) -> bool:
        """Tell whether an address is the configured origin, or the same host with TLS."""
        own = self.url
        is_same = (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)
        is_upgraded = (own.scheme, url.scheme, url.host, own.port, url.port) == (
            "http",
            "https",
            own.host,
            None,
            None,
        )
        return is_same or is_upgraded

    async def _signed_in(self, question: Question) -> Answer:
        try:
            answer = await self._followed(question)
            if answer.status == UNAUTHORIZED and self._sign_in.renew():
                answer = await self._followed(question)
        except (httpx2.TransportError, httpx2.DecodingError) as exc:
            raise SourceUnavailableError(source=self._name, reason=failure_words(exc, self.url)) from exc
        self._check_status(answer)
        return answer

    async def _followed(self, question: Question) -> Answer:
        url = question.url
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._sent(question, url)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not target or self._settings.redirects == "none":
                return answer
            url = self._redirected(question, answer, url.join(target))
        raise self._bad(f"answered with more than {MAX_REDIRECTS} redirects; set url to the last address")

    async def _sent(self, question: Question, url: httpx2.URL) -> Answer:
        headers = {"Accept": "application/json", **question.headers}
        # Every header of the settings may be a credential, such as X-Api-Key.
        if self.is_own(url):
            headers |= self._headers | await self._sign_in.headers(self._client)
        request = self._client.build_request(question.method, url, headers=headers, json=question.json)
        response = await self._client.send(request, stream=True)
        try:
            body = await self._body(response)
        finally:
            await response.aclose()
        link = response.links.get("next", {}).get("url")
        return Answer(status=response.status_code, headers=response.headers, body=body, url=url, next_link=link)

    async def _body(self, response: httpx2.Response) -> bytes:
        # The client's own decoder takes a gzip stream that is cut short for a whole one.
        is_gzip = response.headers.get("content-encoding", "").strip().lower() == "gzip"
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzip else None
        body = bytearray()
        try:
            async for part in response.aiter_raw() if unpacker else response.aiter_bytes():
                body += unpacker.decompress(part) if unpacker else part
                self._check_size(body)
        except zlib.error as exc:
            raise SourceUnavailableError(source=self._name, reason="the gzip data is damaged") from exc
        if unpacker and body and not unpacker.eof:
            raise SourceUnavailableError(source=self._name, reason="the gzip data is cut short")
        return bytes(body)

    def _check_size(self, body: bytearray) -> None:
        if len(body) > self._max_bytes:
            limit = self._settings.max_response_mb
            raise self._bad(f"sent more than {limit} MB in one answer: lower page_size or raise max_response_mb")

    def _redirected(self, question: Question, answer: Answer, target: httpx2.URL) -> httpx2.URL:
        place = f"{target.scheme}://{target.netloc.decode('ascii')}"
        if question.method != "GET" and answer.status not in _KEEPING:
            raise self._bad(f"redirects a {question.method} to {place}: set url to the final address")
        if self._settings.redirects != "any" and not self.is_own(target):
            raise self._bad(
                f'redirects to another host, {place}: set url to the final address, or redirects = "any", which '
                "sends no credentials there"
            )
        return target

    def _check_status(self, answer: Answer) -> None:
        status = answer.status
        if status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or status >= SERVER_ERROR:
            wait = retry_after(answer.headers.get("retry-after"))
            raise SourceUnavailableError(source=self._name, reason=f"status {status}", retry_after=wait)
        if not 200 <= status < 300 and status != NOT_MODIFIED:  # noqa: PLR2004  # the class of success
            raise SourceRejectedError(source=self._name, status=status)

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)


@asynccontextmanager
async def service_client(name: str, settings: SourceSettings, *, prefix: str = "") -> AsyncIterator[ServiceClient]:
    """Open a connection pool to the service of a source.

    Args:
        prefix: The part of the address in front of http(s)://.

    Raises:
        ConfigurationError: A secret that the settings name is missing or malformed.
    """
    url = revealed(settings.url, setting=f"sources.{name}.url").removeprefix(prefix)
    if problem := address_problem(settings.kind, url):
        raise ConfigurationError(setting=f"sources.{name}.url", problem=problem)
    sign_in = sign_in_of(name, settings)
    # Redirects are followed here, because the credentials must not follow to another host.
    async with httpx2.AsyncClient(timeout=httpx2.Timeout(settings.timeout_s), follow_redirects=False) as client:
        yield ServiceClient(name, settings, client, url=url, sign_in=sign_in)


def _headers(name: str, settings: SourceSettings) -> dict[str, str]:
    headers: dict[str, str] = {}
    for key, secret in settings.headers.items():
        setting = f"sources.{name}.headers.{key}"
        headers[key] = revealed(secret.get_secret_value(), setting=setting)
        if not is_sendable(key, headers[key]):
            raise ConfigurationError(setting=setting, problem="it cannot be sent; use printable ASCII")
    return headers


def _backoff(error: Exception) -> bool | timedelta:
    if not isinstance(error, SourceUnavailableError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_INLINE_WAIT else False
