"""The types of a user's fields, and how a record gives each field. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

# Limits in characters. The ETL's rules, the API's schemas and the collection's validator use them.
MAX_EMAIL_CHARS: Final = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
MAX_NAME_CHARS: Final = 200
MAX_AVATAR_CHARS: Final = 2048
MAX_BIO_CHARS: Final = 5000
MAX_LOCATION_CHARS: Final = 300
MAX_LANGUAGE_CHARS: Final = 35  # RFC 5646, 4.4.1
MAX_LABEL_CHARS: Final = 100
MAX_LABELS: Final = 200


class Reading(StrEnum):
    """How the ETL reads a field of a record.

    `email` is an address, see `docustore.users.email`. `text` is trimmed. `url` is a trimmed http(s) URL. `words`
    is trimmed, and its white space is collapsed to single spaces. `status` and `theme` are words with a fixed
    meaning. `flag` is true or false. `labels` is a list of words without repetition. `time` is a moment in UTC.
    """

    EMAIL = "email"
    TEXT = "text"
    URL = "url"
    WORDS = "words"
    STATUS = "status"
    THEME = "theme"
    FLAG = "flag"
    LABELS = "labels"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Wire:
    """How a record gives a field; part of the field's annotation.

    `names` are the accepted spellings in addition to the field's own name. `max_chars` is the maximum length of a
    text. `is_requirable` tells whether a source may require the field. Only a field that can be missing is
    requirable.
    """

    reading: Reading
    names: tuple[str, ...] = ()
    max_chars: int = 0
    is_requirable: bool = True


# ECMA 262 expressions for the API's description; the functions below check the same rules.
_CONTROLS: Final = r"\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F"
_PLAIN_PATTERN: Final = rf"^[^{_CONTROLS}]*$"
LABEL_PATTERN: Final = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"
HTTP_URL_PATTERN: Final = rf"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#{_CONTROLS}][^\s{_CONTROLS}]*$"
_NO_HOST: Final = frozenset({"", "/", "?", "#"})
_HTTP_URL: Final = re.compile(HTTP_URL_PATTERN.removesuffix("$"))


def is_http_url(text: str) -> bool:
    """Tell whether a trimmed text is an absolute http(s) URL.

    A page that shows the URL of another scheme, such as `javascript:`, would run it.
    """
    # Almost every URL is plain. The expression costs ten times as much, for every record with an avatar.
    if text.startswith("https://") and text.isascii() and text.isprintable() and " " not in text:
        return text[8:9] not in _NO_HOST
    return _HTTP_URL.fullmatch(text) is not None


def _plain_text(raw: str) -> str:
    # Line breaks and tabs are valid text, for example in a biography. Other control characters are client errors.
    if not raw.isprintable() and any(unicodedata.category(char) == "Cc" and char not in "\t\n\r" for char in raw):
        raise PydanticCustomError("control_character", "contains a null byte or another control character")
    return raw


def _http_url(raw: str) -> str:
    if not is_http_url(raw):
        raise PydanticCustomError("not_http_url", "must be an absolute http or https URL")
    return raw


def _text_up_to(max_chars: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=max_chars)


_PLAIN: Final = Field(json_schema_extra={"pattern": _PLAIN_PATTERN})
PersonName = Annotated[str, _text_up_to(MAX_NAME_CHARS), AfterValidator(_plain_text), _PLAIN]
Avatar = Annotated[
    str,
    _text_up_to(MAX_AVATAR_CHARS),
    AfterValidator(_http_url),
    Field(json_schema_extra={"pattern": HTTP_URL_PATTERN, "format": "uri"}),
]
Bio = Annotated[str, _text_up_to(MAX_BIO_CHARS), AfterValidator(_plain_text), _PLAIN]
Location = Annotated[str, _text_up_to(MAX_LOCATION_CHARS), AfterValidator(_plain_text), _PLAIN]
Language = Annotated[str, Field(min_length=1, max_length=MAX_LANGUAGE_CHARS), AfterValidator(_plain_text), _PLAIN]
Label = Annotated[
    str,
    _text_up_to(MAX_LABEL_CHARS),
    StringConstraints(min_length=1),
    AfterValidator(_plain_text),
    Field(json_schema_extra={"pattern": LABEL_PATTERN}),
]
