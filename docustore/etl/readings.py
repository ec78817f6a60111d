"""Read one field of a record, as declared in `docustore.users.fields`. Pure."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from docustore.errors import FieldError
from docustore.etl.times import EARLIEST, to_utc_ms
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.field_types import MAX_LABEL_CHARS, MAX_LABELS, Reading, is_http_url
from docustore.users.fields import UserField
from docustore.users.profile import Theme, UserStatus

STATUS_WORDS: Final[Mapping[str, str]] = {
    "": UserStatus.ACTIVE.value,
    "active": UserStatus.ACTIVE.value,
    "enabled": UserStatus.ACTIVE.value,
    "inactive": UserStatus.INACTIVE.value,
    "disabled": UserStatus.INACTIVE.value,
    "suspended": UserStatus.SUSPENDED.value,
    "blocked": UserStatus.SUSPENDED.value,
}
THEME_WORDS: Final[Mapping[str, str]] = {"": Theme.LIGHT.value, **{theme.value: theme.value for theme in Theme}}


@dataclass(slots=True, kw_only=True)
class Findings:
    """The errors and warnings of one record so far; `latest` limits its times."""

    latest: datetime
    errors: list[FieldError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def reject(self, pointer: str, code: str, detail: str) -> None:
        """Add a reason why the record cannot be loaded."""
        self.errors.append(FieldError(pointer=pointer, code=code, detail=detail))


# Names, places, languages and labels repeat. A look-up costs a fifth of what reading a text costs.
MAX_REMEMBERED: Final = 4096
MAX_REMEMBERED_CHARS: Final = 64

# Takes the findings and the parsed value (None = not given); returns the stored value.
Reader = Callable[[Findings, Any], Any]


def reader_of(declared: UserField) -> Reader:
    """Make the function that reads a declared field."""
    return _FACTORIES[declared.wire.reading](declared)


def read_text(findings: Findings, pointer: str, given: str, max_chars: int) -> str:
    """Trim a text; reject a text that is too long or has control characters."""
    text = given.strip()
    # Almost every text is plain and short. The other steps would not change it.
    if text.isascii() and text.isprintable() and len(text) <= max_chars:
        return text
    text = unicodedata.normalize("NFC", text)
    if len(text) > max_chars:
        findings.reject(pointer, "too_long", f"the text has {len(text)} characters; the limit is {max_chars}")
    elif not text.isprintable() and any(_is_forbidden(char) for char in text):
        findings.reject(pointer, "control_character", "contains a null byte or another control character")
    return text


def read_time(findings: Findings, pointer: str, given: datetime | None) -> datetime | None:
    """Convert a time to UTC milliseconds; without a zone it is UTC, with a warning."""
    if given is None:
        return None
    if given.tzinfo is None:
        findings.warnings.append("time_without_zone")
    utc = to_utc_ms(given)
    if utc is None or utc > findings.latest:
        latest = f"{findings.latest:%Y-%m-%d %H:%M}Z"
        findings.reject(pointer, "out_of_range", f"the time is before {EARLIEST:%Y} or after {latest}")
    return utc


def _email(_: UserField) -> Reader:
    def read(findings: Findings, given: str | None) -> str:
        if not given or not given.strip():
            findings.reject("/email", "missing", "a user needs an e-mail address")
            return ""
        try:
            return normalise_email(given)
        except EmailMalformedError as exc:
            findings.reject("/email", "email_malformed", str(exc))
            return ""

    return read


def _text(declared: UserField) -> Reader:
    pointer, max_chars, default = declared.pointer, declared.wire.max_chars, declared.default

    def read(findings: Findings, given: str | None) -> Any:
        return read_text(findings, pointer, given, max_chars) or default if given else default

    return read


def _url(declared: UserField) -> Reader:
    pointer, max_chars, default = declared.pointer, declared.wire.max_chars, declared.default
    warning = f"{declared.path[-1]}_not_http"

    def read(findings: Findings, given: str | None) -> Any:
        if not given:
            return default
        text = read_text(findings, pointer, given, max_chars)
        if is_http_url(text):
            return text
        # A record is not lost for its picture, but the picture is: see `is_http_url`.
        if text:
            findings.warnings.append(warning)
        return default

    return read


def _words(declared: UserField) -> Reader:
    read_words = _words_reader(declared.pointer, declared.wire.max_chars)
    default = declared.default
    return lambda findings, given: (read_words(findings, given) if given else "") or default


def _words_reader(pointer: str, max_chars: int) -> Callable[[Findings, str], str]:
    """Read a text of words, and remember what short texts are read as."""
    known: dict[str, str] = {}

    def read(findings: Findings, given: str) -> str:
        if (text := known.get(given)) is not None:
            return text
        errors = len(findings.errors)
        text = read_text(findings, pointer, " ".join(given.split()), max_chars)
        # A text with an error is read again, so that each record gets its error.
        if len(given) <= MAX_REMEMBERED_CHARS and len(findings.errors) == errors:
            if len(known) >= MAX_REMEMBERED:
                known.clear()
            known[given] = text
        return text

    return read


def _word_of(meanings: Mapping[str, str], warning: str) -> Callable[[UserField], Reader]:
    """Map a word to its meaning; an unknown word counts as none, with a warning."""

    def read(findings: Findings, given: str | None) -> str:
        meaning = meanings.get(given.strip().lower() if given else "")
        if meaning is not None:
            return meaning
        findings.warnings.append(warning)
        return meanings[""]

    return lambda _: read


def _flag(declared: UserField) -> Reader:
    default = bool(declared.default)
    return lambda _, given: default if given is None else given


def _labels(declared: UserField) -> Reader:
    pointer = declared.pointer
    read_label = _words_reader(pointer, MAX_LABEL_CHARS)

    def read(findings: Findings, given: list[str] | None) -> list[str]:
        if not given:
            return []
        labels: dict[str, None] = {}
        for label in given:
            if text := read_label(findings, label):
                labels[text] = None
        if len(labels) > MAX_LABELS:
            findings.reject(pointer, "too_many", f"the list has {len(labels)} entries; the limit is {MAX_LABELS}")
        return list(labels)

    return read


def _time(declared: UserField) -> Reader:
    pointer = declared.pointer
    return lambda findings, given: read_time(findings, pointer, given)


def _is_forbidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t"


_FACTORIES: Final[Mapping[Reading, Callable[[UserField], Reader]]] = {
    Reading.EMAIL: _email,
    Reading.TEXT: _text,
    Reading.URL: _url,
    Reading.WORDS: _words,
    Reading.STATUS: _word_of(STATUS_WORDS, "status_unknown"),
    Reading.THEME: _word_of(THEME_WORDS, "theme_unknown"),
    Reading.FLAG: _flag,
    Reading.LABELS: _labels,
    Reading.TIME: _time,
}
