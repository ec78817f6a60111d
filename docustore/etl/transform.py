"""Turn a raw record into the values of the store. Pure.

The clock and the rules are arguments. White space is trimmed and collapsed. E-mail addresses are normalised.
Status words are mapped; an unknown word means active, with a warning. Missing preferences get their defaults. All
errors of a record are found. `docustore.users.fields` declares the fields and how each one is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from docustore.errors import FieldError
from docustore.etl.coerce import coerce
from docustore.etl.mapping.mapping import RecordMapping, wire_of
from docustore.etl.readings import MAX_REMEMBERED, Findings, Reader, read_text, read_time, reader_of
from docustore.etl.recognise import MAX_ID_CHARS, recognise
from docustore.etl.records import (
    ID_NAMES,
    MODIFIED_NAMES,
    RecordRejectedError,
    fields_at,
    parse_object,
    parse_typed,
)
from docustore.users.fields import MAPPED, Values, default_preferences, default_profile, leaf
from docustore.users.identities import identity_key
from docustore.users.versions import content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRules:
    """The rules for the records of one run.

    `observed_at` is the source's clock at the start of the run. It is the modification time of a record without
    one. `latest` is the latest allowed time in a record. `required` lists field names, dotted inside the profile.
    `mapping` is None for a source that uses our names.
    """

    source: str
    required: tuple[str, ...]
    observed_at: datetime
    latest: datetime
    max_record_bytes: int
    mapping: RecordMapping | None = None


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One valid record, ready to be classified.

    `values` is None for a tombstone. `is_time_observed` is true if the record has no modification time.
    `is_settled` is true if the whole reading showed that this version counts (`docustore.etl.observed`).
    `is_absence` is true for an end that was concluded from full readings without the record. `mapping` is the
    digest of the mapping that gave the values, empty without one.
    """

    key: str
    modified_at: datetime
    hash: str
    values: Values | None
    is_time_observed: bool
    is_settled: bool = False
    is_absence: bool = False
    warnings: tuple[str, ...] = ()
    mapping: str = ""


def to_user_record(raw: bytes, rules: RecordRules) -> UserRecord:
    """Parse, check and map one record.

    Raises:
        RecordRejectedError: The record cannot be loaded; the error lists every reason, and the identity if it can
            be recognised.
    """
    try:
        return _parsed(raw, rules)
    except RecordRejectedError as exc:
        recognised = recognise(raw, source=rules.source, mapping=rules.mapping)
        exc.identity_key, exc.modified_at = recognised.identity_key, recognised.modified_at
        raise


def _parsed(raw: bytes, rules: RecordRules) -> UserRecord:
    if len(raw) > rules.max_record_bytes:
        detail = f"the record has {len(raw)} bytes; the limit is {rules.max_record_bytes}"
        raise RecordRejectedError(FieldError(pointer="", code="too_large", detail=detail))
    if rules.mapping is not None:
        return _through_mapping(parse_object(raw), rules, rules.mapping)
    wire = parse_typed(raw)
    return _checked(coerce(parse_object(raw)) if wire is None else wire, rules)


def _through_mapping(record: dict[str, Any], rules: RecordRules, mapping: RecordMapping) -> UserRecord:
    mapped = mapping.apply(record)
    try:
        checked = _checked(wire_of(mapped.record), rules, mapped.warnings, mapping.digest)
    except RecordRejectedError as exc:
        raise RecordRejectedError(*mapping.explained([*mapped.errors, *exc.errors])) from exc
    if mapped.errors:
        raise RecordRejectedError(*mapping.explained(mapped.errors))
    return checked


def _checked(wire: Any, rules: RecordRules, warnings: Sequence[str] = (), mapping: str = "") -> UserRecord:
    findings = Findings(latest=rules.latest)
    given = _given(_GET_MODIFIED(wire), 0, len(MODIFIED_NAMES))
    modified_at = read_time(findings, "/modified_at", given) or rules.observed_at
    values = None if wire.deleted else _values(wire, rules, findings)
    given_id = _given_id(wire)
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
        warnings=(*warnings, *findings.warnings),
        mapping=mapping,
    )


def _values(wire: Any, rules: RecordRules, findings: Findings) -> Values:
    values: Values = dict.fromkeys(MAPPED)
    found = _GET_RECORD(wire)
    for name, first, end, read in _RECORD:
        # `found[first] or`: most fields are given under their preferred key.
        values[name] = read(findings, found[first] or _given(found, first, end))
    values["profile"] = default_profile() if wire.profile is None else _profile(wire.profile, findings)
    for path in _required_paths(rules.required):
        if not leaf(values, path):
            findings.reject(f"/{'/'.join(path)}", "missing", "the settings of the source require this field")
    return values


def _profile(wire: Any, findings: Findings) -> dict[str, Any]:
    profile = default_profile()
    found = _GET_PROFILE(wire)
    for name, first, end, read in _PROFILE:
        if (given := found[first] or _given(found, first, end)) is not None:
            profile[name] = read(findings, given)
    profile["preferences"] = _preferences(wire, findings)
    return profile


def _preferences(wire: Any, findings: Findings) -> dict[str, Any]:
    """Read the preferences of a profile.

    Their keys may stand flat in the profile; those of `preferences` count over them. Few combinations exist, so
    each is read once: a look-up costs a third of reading them.
    """
    flat = _GET_PREFERENCES(wire)
    chosen = flat if wire.preferences is None else _GET_PREFERENCES(wire.preferences)
    if (known := _known_preferences.get((flat, chosen))) is not None:
        return known.copy()
    seen = len(findings.errors) + len(findings.warnings)
    preferences = default_preferences()
    for name, first, end, read in _PREFERENCES:
        given = chosen[first] or _given(chosen, first, end)
        if given is None:
            given = flat[first] or _given(flat, first, end)
        if given is not None:
            preferences[name] = read(findings, given)
    # What has a finding is read again, so that each record gets its finding.
    if len(findings.errors) + len(findings.warnings) == seen:
        if len(_known_preferences) >= MAX_REMEMBERED:
            _known_preferences.clear()
        _known_preferences[flat, chosen] = preferences.copy()
    return preferences


def _given(found: tuple[Any, ...], first: int, end: int) -> Any:
    """Return the first given value of a range; an empty text counts as none."""
    value = found[first]
    # False is given; None and an empty text are not.
    while not value and value is not False:
        first += 1
        if first == end:
            return None
        value = found[first]
    return value


def _given_id(wire: Any) -> str | int | None:
    for given in _GET_ID(wire):
        # 0 is an id.
        if given is not None and given != "":
            return given  # type: ignore[no-any-return]
    return None


@lru_cache(maxsize=64)
def _required_paths(required: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    # A record without an e-mail address is always rejected, with a better reason.
    return tuple(tuple(name.split(".")) for name in required if name != "email")


def _readers_at(*path: str) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, int, int, Reader], ...]]:
    """Prepare the fields directly below a path.

    Returns:
        A function that takes all accepted keys from a struct at once. For each field: its name, the range of its
        keys among them (the preferred one first), and its reader.
    """
    keys: list[str] = []
    readers = []
    for field in fields_at(*path):
        first = len(keys)
        keys += field.wire_names
        readers.append((field.path[-1], first, len(keys), reader_of(field)))
    return attrgetter(*keys), tuple(readers)


_GET_ID: Final = attrgetter(*ID_NAMES)
_GET_MODIFIED: Final = attrgetter(*MODIFIED_NAMES)
_GET_RECORD, _RECORD = _readers_at()
_GET_PROFILE, _PROFILE = _readers_at("profile")
_GET_PREFERENCES, _PREFERENCES = _readers_at("profile", "preferences")
_known_preferences: Final[dict[tuple[tuple[Any, ...], tuple[Any, ...]], dict[str, Any]]] = {}
