"""Sign in to a service.

By a bearer token, basic authentication, or OAuth2 client credentials (RFC 6749, 4.4).
"""

import time
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import Final
from urllib.parse import quote_plus

import httpx2
import msgspec
from pydantic import SecretStr

from docustore.errors import ConfigurationError, SourceContentError, SourceRejectedError, SourceUnavailableError
from docustore.source_options.address import is_http_url
from docustore.source_options.secret import revealed
from docustore.source_options.service import is_sendable
from docustore.source_settings import SourceSettings

# A token is renewed this long before it expires, so that it does not expire on its way.
LEEWAY_S: Final = 30.0
# Used where the answer does not state a lifetime (RFC 6749, 5.1 recommends stating it).
DEFAULT_LIFETIME_S: Final = 300.0
TOO_MANY_REQUESTS: Final = 429
SERVER_ERROR: Final = 500


class SignIn(ABC):
    """What a request carries so that the service knows the caller."""

    @abstractmethod
    async def headers(self, client: httpx2.AsyncClient) -> dict[str, str]:
        """Return the headers of the next request."""

    def renew(self) -> bool:
        """Forget a refused token; False if the next request would carry the same one."""
        return False


class _Token(msgspec.Struct):
    """The answer of a token endpoint."""

    access_token: str
    expires_in: float | str | None = None


class _Fixed(SignIn):
    def __init__(self, authorization: str | None) -> None:
        self._headers = {} if authorization is None else {"Authorization": authorization}

    async def headers(self, client: httpx2.AsyncClient) -> dict[str, str]:
        del client
        return self._headers


class _ClientCredentials(SignIn):
    """One token at a time, for as long as the source is open."""

    def __init__(self, source: str, url: str, *, authorization: str, scope: str | None) -> None:
        self._source = source
        self._url = url
        self._authorization = authorization
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._token: str | None = None
        self._renew_at = 0.0

    async def headers(self, client: httpx2.AsyncClient) -> dict[str, str]:
        if self._token is None or time.monotonic() >= self._renew_at:
            await self._request(client)
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        self._token = None
        return True

    async def _request(self, client: httpx2.AsyncClient) -> None:
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        response = await client.post(self._url, data=self._form, headers=headers)
        status = response.status_code
        if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
            raise SourceUnavailableError(source=self._source, reason=f"the token endpoint answered {status}")
        if not response.is_success:
            raise SourceRejectedError(source=self._source, status=status)
        try:
            token = msgspec.json.decode(response.content, type=_Token)
            lifetime_s = DEFAULT_LIFETIME_S if token.expires_in is None else float(token.expires_in)
        except (msgspec.DecodeError, ValueError) as exc:
            problem = "the token endpoint sent no access_token: check token_url"
            raise SourceContentError(source=self._source, problem=problem) from exc
        self._token = token.access_token
        # A very short lifetime still leaves time for a request.
        self._renew_at = time.monotonic() + max(lifetime_s - LEEWAY_S, lifetime_s / 2)


def sign_in_of(name: str, settings: SourceSettings) -> SignIn:
    """Return the way to sign in that the settings of a source describe.

    Raises:
        ConfigurationError: A secret that the settings name is missing or malformed.
    """

    def secret(setting: str, value: SecretStr) -> str:
        text = revealed(value.get_secret_value(), setting=f"sources.{name}.{setting}")
        if not is_sendable("Authorization", text):
            raise ConfigurationError(setting=f"sources.{name}.{setting}", problem="use printable ASCII")
        return text

    if settings.token is not None:
        return _Fixed(f"Bearer {secret('token', settings.token)}")
    if settings.username is not None and settings.password is not None:
        user = revealed(settings.username, setting=f"sources.{name}.username")
        password = revealed(settings.password.get_secret_value(), setting=f"sources.{name}.password")
        return _Fixed(_basic(user, password))
    if settings.token_url is not None and settings.client_id is not None and settings.client_secret is not None:
        url = revealed(settings.token_url, setting=f"sources.{name}.token_url")
        if not is_http_url(url):
            raise ConfigurationError(setting=f"sources.{name}.token_url", problem="it must be an http(s) URL")
        client_id = revealed(settings.client_id, setting=f"sources.{name}.client_id")
        # RFC 6749, 2.3.1: the parts are form-encoded before they are joined.
        parts = (quote_plus(client_id), quote_plus(secret("client_secret", settings.client_secret)))
        return _ClientCredentials(name, url, authorization=_basic(*parts), scope=settings.scope)
    return _Fixed(None)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
