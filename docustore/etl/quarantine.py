"""Keep records that could not be loaded, with every reason.

The same record is one document, even if many runs read it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from pymongo import UpdateOne

from docustore.database import Database, Document
from docustore.errors import FieldError
from docustore.etl.masking import masked
from docustore.etl.models import QUARANTINE, QuarantineState

# A document holds at most 16 MB. Of a record whose text is larger than this, only the head is kept. Its digest
# identifies the record.
MAX_KEPT_BYTES: Final = 8_000_000
KEPT_HEAD_BYTES: Final = 65_536
MAX_KEPT_ERRORS: Final = 100
# The limit of one bulk write, for pages with many huge records.
MAX_BATCH_BYTES: Final = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record with its errors; `position` is its number within the run's input.

    `is_row` is true if the source could not split the text into fields.
    """

    raw: bytes
    position: int
    errors: tuple[FieldError, ...]
    identity_key: str | None = None
    modified_at: datetime | None = None
    is_row: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A rejected record with the text that is stored of it."""

    record: Rejected
    text: str
    text_bytes: int
    omitted_bytes: int


async def quarantine(
    database: Database,
    rejected: Sequence[Rejected],
    *,
    source: str,
    run_id: str,
    now: datetime,
    observed_at: datetime,
) -> None:
    """Keep records; a record seen before is open again, unless it is ignored.

    Args:
        now: The stamp of the page.
        observed_at: The modification time of records without one.
    """
    for batch in _bounded(map(kept_of, rejected)):
        operations = [
            _upsert(kept, source=source, run_id=run_id, now=now, observed_at=observed_at) for kept in batch
        ]
        await database[QUARANTINE].bulk_write(operations, ordered=False)


def kept_of(record: Rejected) -> Kept:
    """Make the text that is stored of a record.

    Secrets are masked. Bytes that are not UTF-8 become escapes, so the text can be four times as long as the
    record.
    """
    text, text_bytes = _text_of(record.raw)
    omitted_bytes = 0
    if text_bytes > MAX_KEPT_BYTES:
        text, text_bytes = _text_of(record.raw[:KEPT_HEAD_BYTES])
        omitted_bytes = len(record.raw) - KEPT_HEAD_BYTES
    return Kept(record=record, text=text, text_bytes=text_bytes, omitted_bytes=omitted_bytes)


def fingerprint_of(raw: bytes) -> str:
    """Return the digest by which a record is recognised in every run."""
    return blake2b(raw, digest_size=16).hexdigest()


def count_reasons(rejected: Iterable[Rejected]) -> Counter[str]:
    """Count records by reason, such as `/email email_malformed`.

    A record counts once for each of its reasons.
    """
    return Counter(
        reason for record in rejected for reason in {f"{e.pointer or '/'} {e.code}" for e in record.errors}
    )


def _text_of(raw: bytes) -> tuple[str, int]:
    # No need to decode what is too large in any case.
    text = masked(raw[: MAX_KEPT_BYTES + 1].decode("utf-8", errors="backslashreplace"))
    return text, len(text.encode())


def _bounded(rejected: Iterable[Kept]) -> Iterable[list[Kept]]:
    batch: list[Kept] = []
    size = 0
    for kept in rejected:
        if batch and size + kept.text_bytes > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(kept)
        size += kept.text_bytes
    if batch:
        yield batch


def _upsert(kept: Kept, *, source: str, run_id: str, now: datetime, observed_at: datetime) -> UpdateOne:
    record = kept.record
    is_ignored = {"$eq": ["$state", QuarantineState.IGNORED]}
    values: Document = {
        "run_id": run_id,
        "identity_key": _literal(record.identity_key),
        "modified_at": record.modified_at,
        "observed_at": observed_at,
        "is_row": record.is_row,
        "position": str(record.position),
        "raw": _literal(kept.text),
        "raw_bytes": len(record.raw),
        "omitted_bytes": kept.omitted_bytes,
        "errors": _literal([asdict(error) for error in record.errors[:MAX_KEPT_ERRORS]]),
        "state": {"$cond": [is_ignored, "$state", QuarantineState.OPEN]},
        "seen": {"$add": [{"$ifNull": ["$seen", 0]}, 1]},
        "first_seen_at": {"$ifNull": ["$first_seen_at", now]},
        "last_seen_at": now,
        "resolved_at": None,
        "resolved_by": None,
    }
    which = {"source": source, "fingerprint": fingerprint_of(record.raw)}
    return UpdateOne(which, [{"$set": values}], upsert=True)


def _literal(value: object) -> Document:
    return {"$literal": value}
