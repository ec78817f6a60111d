"""Find out which identity a record belongs to and which version of it this is. Pure.

This is all that is done for a record the store already has: checking and mapping it again would find what it
found before.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec

from docustore.errors import FieldError
from docustore.etl.coerce import coerce
from docustore.etl.records import RecordRejectedError, WireRecord, parse_object, parse_typed
from docustore.users.identities import HASH_BYTES, identity_key

# Older dates are placeholders of the source (0001-01-01, 1601-01-01), not facts.
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_ENCODER: Final = msgspec.json.Encoder()


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


class RecordHead(msgspec.Struct, frozen=True):
    """A parsed record and its version.

    `key` is None where it takes the mapped record to tell: no id, or a time that does not fit.
    `hash` digests the record's known fields as they came, so equal records have equal hashes.
    """

    raw: bytes
    wire: WireRecord
    key: str | None
    modified_at: datetime
    hash: str
    is_time_observed: bool


def identify(raw: bytes, rules: RecordRules) -> RecordHead:
    """Parse a record and tell its identity, modification time and content hash.

    Raises:
        RecordRejectedError: It is too large, no JSON object, or a field's type makes no sense.
    """
    if len(raw) > rules.max_record_bytes:
        detail = f"{len(raw)} bytes, more than the limit of {rules.max_record_bytes}"
        raise RecordRejectedError(FieldError(pointer="", code="too_large", detail=detail))
    wire = parse_typed(raw)
    if wire is None:
        wire = coerce(parse_object(raw))
    external_id = external_id_of(wire)
    given = modified_at_of(wire)
    utc = to_utc_ms(given) if given is not None else rules.observed_at
    is_whole = bool(external_id) and utc is not None
    return RecordHead(
        raw,
        wire,
        identity_key(rules.source, external_id) if is_whole else None,
        utc or rules.observed_at,
        blake2b(_ENCODER.encode(wire), digest_size=HASH_BYTES).hexdigest(),
        given is None,
    )


def external_id_of(wire: WireRecord) -> str:
    """Return the record's id as trimmed text; empty where it has none."""
    for given in (wire.id, wire.external_id, wire.externalId):
        if given is not None and given != "":
            return str(given).strip()
    return ""


def modified_at_of(wire: WireRecord) -> datetime | None:
    """Return the modification time under whichever name it came."""
    return wire.modified_at or wire.modifiedAt or wire.updatedAt


def to_utc_ms(given: datetime) -> datetime | None:
    """Return a time in UTC, cut to the milliseconds that BSON keeps; None before 1900 or beyond year 9999.

    A time without a zone is taken as UTC.
    """
    if given.tzinfo is not UTC:
        try:
            given = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        except OverflowError:
            return None
    if given < EARLIEST:
        return None
    # A finer time would never equal its stored self.
    return given - timedelta(microseconds=given.microsecond % 1000) if given.microsecond else given
