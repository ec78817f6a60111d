"""The settings of one upstream system. Pure.

Invalid settings are refused here, before a run starts. Only errors that are visible without a request to the
system are found here.
"""

import codecs
import re
from enum import StrEnum
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from docustore.etl.mapping.hooks import check_hook
from docustore.etl.mapping.settings import SourceMap, check_fields
from docustore.users.fields import REQUIRABLE

# The name is the first part of every identity key (`crm:42`), so it must not contain the separator.
SOURCE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
# RFC 9110, 5.6.2: the characters of a header's name.
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class SourceKind(StrEnum):
    """The ways to read an upstream system."""

    FILE = "file"
    HTTP = "http"


class SourceSettings(BaseModel):
    """One upstream system: a table `[sources.NAME]` in `docustore.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: SourceKind = Field(description="how the source is read: `file` or `http`")
    url: str = Field(min_length=1, description="http(s) URL; for `file`, a path or a file:// URL")
    schedule: Literal["hourly", "off"] = Field("hourly", description="`hourly`, or `off` for manual runs only")
    required: tuple[str, ...] = Field(
        ("email", "first_name", "last_name"),
        description="fields that a record must contain; others may be missing",
    )
    delimiter: str | None = Field(
        None, description="CSV: the character between fields; the header line shows it if unset"
    )
    encoding: str | None = Field(
        None, description="CSV: such as `cp1252`; UTF-8, UTF-16 and cp1252 are detected if unset"
    )
    map: SourceMap = Field(
        default_factory=dict, description='keys of the source by our fields, such as `{ email = "E-Mail" }`'
    )
    map_hook: str | None = Field(
        None, description="name of an entry point of the group `docustore.mappings`, which finishes the mapping"
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="HTTP headers, such as Authorization")
    page_size: int = Field(1000, ge=1, le=10_000, description="records requested in one HTTP page")
    timeout_s: float = Field(30.0, gt=0, description="seconds without an answer before an HTTP request is retried")
    max_retries: int = Field(5, ge=0, le=20, description="retries of one HTTP page before the run is postponed")

    @field_validator("required")
    @classmethod
    def _required_fields_exist(cls, required: tuple[str, ...]) -> tuple[str, ...]:
        for name in required:
            if name not in REQUIRABLE:
                msg = f"there is no field {name!r}; use {', '.join(REQUIRABLE)}"
                raise ValueError(msg)
        return required

    @model_validator(mode="before")
    @classmethod
    def _map_replaces_columns(cls, given: object) -> object:
        if isinstance(given, dict) and "columns" in given:
            msg = """`columns` is now `map`, the other way round: write map = { email = "E-Mail" }"""
            raise ValueError(msg)
        return given

    @field_validator("map")
    @classmethod
    def _map_fits_fields(cls, given: SourceMap) -> SourceMap:
        check_fields(given)
        return given

    @field_validator("map_hook")
    @classmethod
    def _hook_is_installed(cls, hook: str | None) -> str | None:
        if hook is not None:
            check_hook(hook)
        return hook

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            msg = "delimiter must be one character, and no quote"
            raise ValueError(msg)
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str | None) -> str | None:
        if encoding is None:
            return None
        try:
            name = codecs.lookup(encoding).name
        except LookupError as exc:
            msg = f"there is no encoding {encoding!r}; use a name such as utf-8, utf-16 or cp1252"
            raise ValueError(msg) from exc
        # Excel marks its UTF-8 files. Without the suffix, the mark would be part of the first column's name.
        return "utf-8-sig" if name == "utf-8" else name

    @field_validator("headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in headers.items():
            value = secret.get_secret_value()
            if not (HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
                msg = f"header {name!r} cannot be sent; use printable ASCII, and no space in its name"
                raise ValueError(msg)
        return headers

    @model_validator(mode="after")
    def _url_fits_kind(self) -> Self:
        if self.kind is SourceKind.HTTP and not _is_http_url(self.url):
            msg = "url must start with http:// or https:// and name a host"
            raise ValueError(msg)
        return self


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
