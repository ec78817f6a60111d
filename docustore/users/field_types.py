"""The types of a user's fields, and how a record gives each field. Pure."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints
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

    `email` is an address, see `docustore.users.email`. `text` is trimmed. `words` is trimmed, and its white space
    is collapsed to single spaces. `status` and `theme` are words with a fixed meaning. `flag` is true or false.
    `labels` is a list of words without repetition. `time` is a moment in UTC.
    """

    EMAIL = "email"
    TEXT = "text"
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


def _plain_text(raw: str) -> str:
    # Line breaks and tabs are valid text, for example in a biography. Other control characters are client errors.
    if not raw.isprintable() and any(unicodedata.category(char) == "Cc" and char not in "\t\n\r" for char in raw):
        raise PydanticCustomError("control_character", "contains a null byte or another control character")
    return raw


def _text_up_to(max_chars: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=max_chars)


PersonName = Annotated[str, _text_up_to(MAX_NAME_CHARS), AfterValidator(_plain_text)]
Avatar = Annotated[str, _text_up_to(MAX_AVATAR_CHARS), AfterValidator(_plain_text)]
Bio = Annotated[str, _text_up_to(MAX_BIO_CHARS), AfterValidator(_plain_text)]
Location = Annotated[str, _text_up_to(MAX_LOCATION_CHARS), AfterValidator(_plain_text)]
Label = Annotated[str, _text_up_to(MAX_LABEL_CHARS), StringConstraints(min_length=1), AfterValidator(_plain_text)]
