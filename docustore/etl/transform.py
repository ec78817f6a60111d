"""Turn a raw record into the values of the store. Pure.

The clock and the rules are arguments. White space is trimmed and collapsed. E-mail addresses are normalised.
Status words are mapped; an unknown word means active, with a warning. Missing preferences get their defaults. All
errors of a record are found. `docustore.users.fields` declares the fields and how each one is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from docustore.errors import FieldError
from docustore.etl.coerce import coerce
from docustore.etl.readings import Findings, Reader, read_text, read_time, reader_of
from docustore.etl.records import (
    ID_NAMES,
    MODIFIED_NAMES,
    RecordRejectedError,
    WireProfile,
    fields_at,
    parse_object,
    parse_typed,
)
from docustore.users.fields import MAPPED, Values, leaf
from docustore.users.identities import identity_key
from docustore.users.versions import content_hash

MAX_ID_CHARS: Final = 300
_EMPTY_PROFILE: Final = WireProfile()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRules:
    """The rules for the records of one run.

    `observed_at` is the source's clock at the start of the run. It is the modification time of a record without
    one. `latest` is the latest allowed time in a record. `required` lists field names, dotted inside the profile.
    """

    source: str
    required: tuple[str, ...]
    observed_at: datetime
    latest: datetime
    max_record_bytes: int


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One valid record, ready to be classified.

    `values` is None for a tombstone. `is_time_observed` is true if the record has no modification time.
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
        RecordRejectedError: The record cannot be loaded; the error lists every reason.
    """
    if len(raw) > rules.max_record_bytes:
        detail = f"the record has {len(raw)} bytes; the limit is {rules.max_record_bytes}"
        raise RecordRejectedError(FieldError(pointer="", code="too_large", detail=detail))
    wire = parse_typed(raw)
    return _mapped(coerce(parse_object(raw)) if wire is None else wire, rules)


def _mapped(wire: Any, rules: RecordRules) -> UserRecord:
    findings = Findings(latest=rules.latest)
    given = _first(wire, MODIFIED_NAMES)
    modified_at = read_time(findings, "/modified_at", given) or rules.observed_at
    values = None if wire.deleted else _values(wire, rules, findings)
    given_id = _first(wire, ID_NAMES)
    # Without an id, the e-mail address is the id. A record without both could not be recognised in a later run.
    external_id = "" if given_id is None else read_text(findings, "/id", str(given_id), MAX_ID_CHARS)
    external_id = external_id or (values["email"] if values else "")
    if not external_id:
        findings.reject("/id", "missing", "a record needs an id or an e-mail address")
    if findings.errors:
        raise RecordRejectedError(*findings.errors)
    return UserRecord(
        key=identity_key(rules.source, external_id),
        modified_at=modified_at,
        hash="" if values is None else content_hash(values),
        values=values,
        is_time_observed=given is None,
        warnings=tuple(findings.warnings),
    )


def _values(wire: Any, rules: RecordRules, findings: Findings) -> Values:
    values: Values = dict.fromkeys(MAPPED)
    for name, key, others, read in _RECORD:
        given = getattr(wire, key)
        values[name] = read(findings, _first(wire, others) if others and not given else given)
    values["profile"] = _profile(wire.profile or _EMPTY_PROFILE, findings)
    for path in _required_paths(rules.required):
        if not leaf(values, path):
            findings.reject(f"/{'/'.join(path)}", "missing", "the settings of the source require this field")
    return values


def _profile(given: Any, findings: Findings) -> dict[str, Any]:
    profile: dict[str, Any] = {}
    for name, key, others, read in _PROFILE:
        value = getattr(given, key)
        profile[name] = read(findings, _first(given, others) if others and not value else value)
    chosen = given.preferences
    preferences: dict[str, Any] = {}
    for name, key, others, read in _PREFERENCES:
        value = None if chosen is None else getattr(chosen, key) if not others else _first(chosen, (key, *others))
        if value is None or value == "":
            value = getattr(given, key) if not others else _first(given, (key, *others))
        preferences[name] = read(findings, value)
    profile["preferences"] = preferences
    return profile


def _first(wire: Any, keys: tuple[str, ...]) -> Any:
    """Return the first given value of these keys; an empty text counts as none."""
    for key in keys:
        value = getattr(wire, key)
        if value is not None and value != "":
            return value
    return None


@lru_cache(maxsize=64)
def _required_paths(required: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    # A record without an e-mail address is always rejected, with a better reason.
    return tuple(tuple(name.split(".")) for name in required if name != "email")


def _readers_at(*path: str) -> Iterator[tuple[str, str, tuple[str, ...], Reader]]:
    """List the fields directly below a path: name, preferred key, other keys, reader."""
    for field in fields_at(*path):
        key, *others = field.wire_names
        yield field.path[-1], key, tuple(others), reader_of(field)


_RECORD: Final = tuple(_readers_at())
_PROFILE: Final = tuple(_readers_at("profile"))
_PREFERENCES: Final = tuple(_readers_at("profile", "preferences"))
