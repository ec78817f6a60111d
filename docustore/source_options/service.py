"""Settings of all services that are asked by HTTP. Pure."""

import re
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from docustore.source_options.address import is_http_url
from docustore.source_options.kind import SourceAddress
from docustore.source_options.secret import is_reference

# RFC 9110, 5.6.2: the characters of a header's name.
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class ServiceOptions(SourceAddress):
    """How a service is asked, and how docustore signs in."""

    headers: dict[str, SecretStr] = Field(default_factory=dict, description="HTTP headers, such as Authorization")
    token: SecretStr | None = Field(None, description="bearer token")
    username: str | None = Field(None, description="user name, with `password`, for basic authentication")
    password: SecretStr | None = Field(None, description="password for basic authentication")
    token_url: str | None = Field(
        None,
        repr=False,
        description="OAuth2 token endpoint, with `client_id` and `client_secret` (client credentials)",
    )
    client_id: str | None = Field(None, description="OAuth2 client")
    client_secret: SecretStr | None = Field(None, description="secret of the OAuth2 client")
    scope: str | None = Field(None, description="OAuth2 scope that is requested")
    page_size: int = Field(1000, ge=1, le=10_000, description="records requested in one page")
    timeout_s: float = Field(30.0, gt=0, description="seconds without an answer before a request is retried")
    max_retries: int = Field(5, ge=0, le=20, description="retries of one page before the run is postponed")
    max_response_mb: int = Field(
        64, ge=1, le=1024, description="a run fails on an answer with more megabytes, after decompression"
    )
    redirects: Literal["same-origin", "any", "none"] = Field(
        "same-origin",
        description="`same-origin`, `any` (another host never gets the credentials) or `none`",
    )

    @field_validator("headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in headers.items():
            value = secret.get_secret_value()
            if not is_sendable(name, value) and not (HEADER_NAME.fullmatch(name) and is_reference(value)):
                msg = f"header {name!r} cannot be sent; use printable ASCII, and no space in its name"
                raise ValueError(msg)
        return headers

    @model_validator(mode="after")
    def _sign_in_is_one_whole_way(self) -> Self:
        basic = (self.username, self.password)
        oauth = (self.token_url, self.client_id, self.client_secret)
        ways = [any(part is not None for part in way) for way in ((self.token,), basic, oauth)]
        if sum(ways) > 1:
            msg = "use one of token, username with password, or token_url with client_id and client_secret"
            raise ValueError(msg)
        if ways[1] and None in basic:
            msg = "username and password belong together"
            raise ValueError(msg)
        if ways[2] and None in oauth:
            msg = "token_url, client_id and client_secret belong together"
            raise ValueError(msg)
        if self.token_url is not None and not (is_http_url(self.token_url) or is_reference(self.token_url)):
            msg = "token_url must start with http:// or https:// and name a host"
            raise ValueError(msg)
        return self


def is_sendable(name: str, value: str) -> bool:
    """Tell whether a header can be sent as it is."""
    return HEADER_NAME.fullmatch(name) is not None and value.isascii() and value.isprintable()
