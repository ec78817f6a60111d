"""Recognise a record that cannot be loaded: its identity and its time. Pure.

The entry of such a record in the quarantine is closed when a version of the same identity loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docustore.etl.coerce import identifier_or_none, time_or_none
from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.records import ID_NAMES, MODIFIED_NAMES, RecordRejectedError, parse_object
from docustore.etl.times import to_utc_ms
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.identities import identity_key

MAX_ID_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What can be read of a record; None where it cannot."""

    identity_key: str | None = None
    modified_at: datetime | None = None


def recognise(raw: bytes, *, source: str, mapping: RecordMapping | None = None) -> Recognised:
    """Read the identity and the time of a record, even if other fields are invalid.

    A record without an id has its e-mail address as the id, as in `docustore.etl.transform`.

    Args:
        mapping: It gives the record our names. None if the source uses them.
    """
    try:
        record = parse_object(raw)
    except RecordRejectedError:
        return Recognised()
    if mapping is not None:
        record = mapping.apply(record).record
    external_id = _id_of(record)
    return Recognised(
        identity_key=None if external_id is None else identity_key(source, external_id),
        modified_at=_time_of(record),
    )


def _id_of(record: Mapping[str, Any]) -> str | None:
    given = next((record[name] for name in ID_NAMES if record.get(name) not in (None, "")), None)
    if given is not None:
        text = (identifier_or_none(given) or "").strip()
        return text if 0 < len(text) <= MAX_ID_CHARS and text.isprintable() else None
    email = record.get("email")
    try:
        return normalise_email(email) if isinstance(email, str) else None
    except EmailMalformedError:
        return None


def _time_of(record: Mapping[str, Any]) -> datetime | None:
    given = next((record[name] for name in MODIFIED_NAMES if record.get(name) not in (None, "")), None)
    time = time_or_none(given)
    return None if time is None else to_utc_ms(time)
