"""Turn a parsed record into what the store keeps. Pure; the clock and the rules come in as arguments.

The rules: white space is trimmed and collapsed, e-mails are normalised, status words are mapped (an unknown one
means active, with a warning), missing preferences get their defaults. All errors of a record are found.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.errors import FieldError
from docustore.etl.coerce import coerce
from docustore.etl.records import (
    RecordRejectedError,
    WirePreferences,
    WireProfile,
    WireRecord,
    parse_object,
    parse_typed,
)
from docustore.etl.times import EARLIEST, to_utc_ms
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.identities import Values, content_hash, identity_key
from docustore.users.profile import (
    MAX_AVATAR_CHARS,
    MAX_BIO_CHARS,
    MAX_LABEL_CHARS,
    MAX_LABELS,
    MAX_LANGUAGE_CHARS,
    MAX_LOCATION_CHARS,
    MAX_NAME_CHARS,
    Theme,
    UserStatus,
)

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
MAX_ID_CHARS: Final = 300
_EMPTY_PROFILE: Final = WireProfile()
_EMPTY_PREFERENCES: Final = WirePreferences()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRules:
    """What one run of one source asks of its records.

    `observed_at` is the source's clock at the start of the run: the modification time of records that have
    none. `latest` bounds the times of records. `required` names fields, dotted inside the profile.
    """

    source: str
    required: tuple[str, ...]
    observed_at: datetime
    latest: datetime
    max_record_bytes: int


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One valid record, ready to be classified.

    `values` is None for a tombstone. `is_time_observed` tells that the record had no modification time.
    """

    key: str
    modified_at: datetime
    hash: str
    values: Values | None
    is_time_observed: bool
    warnings: tuple[str, ...] = ()


def to_user_record(raw: bytes, rules: RecordRules) -> UserRecord:
    """Parse, check and map one record.

    Raises:
        RecordRejectedError: Every reason why it cannot be loaded.
    """
    if len(raw) > rules.max_record_bytes:
        detail = f"{len(raw)} bytes, more than the limit of {rules.max_record_bytes}"
        raise RecordRejectedError(FieldError(pointer="", code="too_large", detail=detail))
    wire = parse_typed(raw)
    return _Mapping(rules).mapped(coerce(parse_object(raw)) if wire is None else wire)


class _Mapping:
    """One record on its way, with the errors and warnings found so far."""

    __slots__ = ("errors", "rules", "warnings")

    def __init__(self, rules: RecordRules) -> None:
        self.rules = rules
        self.errors: list[FieldError] = []
        self.warnings: list[str] = []

    def mapped(self, wire: WireRecord) -> UserRecord:
        given = wire.modified_at or wire.modifiedAt or wire.updatedAt
        modified_at = self._time("/modified_at", given) or self.rules.observed_at
        values = None if wire.deleted else self._values(wire)
        # Without an id the mailbox is the identity; a record without either cannot be found again.
        external_id = self._external_id(wire) or (values["email"] if values else "")
        if not external_id:
            self._reject("/id", "missing", "a record needs an id or an e-mail address")
        if self.errors:
            raise RecordRejectedError(*self.errors)
        return UserRecord(
            key=identity_key(self.rules.source, external_id),
            modified_at=modified_at,
            hash="" if values is None else content_hash(values),
            values=values,
            is_time_observed=given is None,
            warnings=tuple(self.warnings),
        )

    def _external_id(self, wire: WireRecord) -> str:
        for given in (wire.id, wire.external_id, wire.externalId):
            if given is not None and given != "":
                return self._text("/id", str(given), MAX_ID_CHARS)
        return ""

    def _values(self, wire: WireRecord) -> Values:
        values: Values = {
            "email": self._email(wire.email),
            "first_name": self._words("/first_name", wire.first_name or wire.firstName, MAX_NAME_CHARS),
            "last_name": self._words("/last_name", wire.last_name or wire.lastName, MAX_NAME_CHARS),
            "status": self._word(wire.status, STATUS_WORDS, "status_unknown"),
            "profile": self._profile(wire.profile or _EMPTY_PROFILE),
            "roles": self._labels("/roles", wire.roles),
            "tags": self._labels("/tags", wire.tags),
            "created_at": self._time("/created_at", wire.created_at or wire.createdAt),
        }
        for name in self.rules.required:
            if not _at(values, name) and name != "email":
                self._reject(f"/{name.replace('.', '/')}", "missing", "required by the source's settings")
        return values

    def _email(self, given: str | None) -> str:
        if not given or not given.strip():
            self._reject("/email", "missing", "a user needs an e-mail address")
            return ""
        try:
            return normalise_email(given)
        except EmailMalformedError as exc:
            self._reject("/email", "email_malformed", str(exc))
            return ""

    def _profile(self, given: WireProfile) -> dict[str, Any]:
        chosen = given.preferences or _EMPTY_PREFERENCES
        notifications = given.notifications if chosen.notifications is None else chosen.notifications
        language = chosen.language or given.language
        return {
            "avatar": self._text("/profile/avatar", given.avatar or given.avatar_url, MAX_AVATAR_CHARS) or None,
            "bio": self._text("/profile/bio", given.bio, MAX_BIO_CHARS) or None,
            "location": self._words("/profile/location", given.location, MAX_LOCATION_CHARS) or None,
            "preferences": {
                "notifications": notifications is not False,
                "theme": self._word(chosen.theme or given.theme, THEME_WORDS, "theme_unknown"),
                "language": self._words("/profile/preferences/language", language, MAX_LANGUAGE_CHARS) or "en",
            },
        }

    def _word(self, given: str | None, known: Mapping[str, str], warning: str) -> str:
        """Map a word to its meaning; an unknown one means the same as none, with a warning."""
        meaning = known.get(given.strip().lower() if given else "")
        if meaning is not None:
            return meaning
        self.warnings.append(warning)
        return known[""]

    def _labels(self, pointer: str, given: list[str] | None) -> list[str]:
        if not given:
            return []
        labels = dict.fromkeys([self._words(pointer, label, MAX_LABEL_CHARS) for label in given])
        labels.pop("", None)
        if len(labels) > MAX_LABELS:
            self._reject(pointer, "too_many", f"{len(labels)} entries, more than {MAX_LABELS}")
        return list(labels)

    def _words(self, pointer: str, given: str | None, max_chars: int) -> str:
        return self._text(pointer, " ".join(given.split()), max_chars) if given else ""

    def _text(self, pointer: str, given: str | None, max_chars: int) -> str:
        if not given:
            return ""
        text = given.strip()
        # Almost every text is plain and short: what follows would leave it as it is.
        if text.isascii() and text.isprintable() and len(text) <= max_chars:
            return text
        return self._checked_text(pointer, unicodedata.normalize("NFC", text), max_chars)

    def _checked_text(self, pointer: str, text: str, max_chars: int) -> str:
        if len(text) > max_chars:
            self._reject(pointer, "too_long", f"{len(text)} characters, more than {max_chars}")
        elif not text.isprintable() and any(_is_forbidden(char) for char in text):
            self._reject(pointer, "control_character", "holds a null byte or another control character")
        return text

    def _time(self, pointer: str, given: datetime | None) -> datetime | None:
        if given is None:
            return None
        if given.tzinfo is None:
            self.warnings.append("time_without_zone")
        utc = to_utc_ms(given)
        if utc is None or utc > self.rules.latest:
            latest = f"{self.rules.latest:%Y-%m-%d %H:%M}Z"
            self._reject(pointer, "out_of_range", f"before {EARLIEST:%Y} or after {latest}")
        return utc

    def _reject(self, pointer: str, code: str, detail: str) -> None:
        self.errors.append(FieldError(pointer=pointer, code=code, detail=detail))


def _at(values: Values, name: str) -> object:
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _is_forbidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t"
