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
from docustore.etl.models import QUARANTINE, QuarantineState

# A document holds at most 16 MB. Of a larger record only the head is kept; its size and digest identify the rest.
MAX_KEPT_BYTES: Final = 8_000_000
KEPT_HEAD_BYTES: Final = 65_536
# The limit of one bulk write, for pages with many huge records.
MAX_BATCH_BYTES: Final = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record with its errors; `position` is its number within the run's input."""

    raw: bytes
    position: int
    errors: tuple[FieldError, ...]
    identity_key: str | None = None


async def quarantine(
    database: Database, rejected: Sequence[Rejected], *, source: str, run_id: str, now: datetime
) -> None:
    """Keep records; a record seen before is open again, unless it is ignored."""
    for batch in _bounded(rejected):
        operations = [_upsert(record, source=source, run_id=run_id, now=now) for record in batch]
        await database[QUARANTINE].bulk_write(operations, ordered=False)


def count_reasons(rejected: Iterable[Rejected]) -> Counter[str]:
    """Count records by reason, such as `/email email_malformed`.

    A record counts once for each of its reasons.
    """
    return Counter(
        reason for record in rejected for reason in {f"{e.pointer or '/'} {e.code}" for e in record.errors}
    )


def _bounded(rejected: Sequence[Rejected]) -> Iterable[list[Rejected]]:
    batch: list[Rejected] = []
    size = 0
    for record in rejected:
        kept = min(len(record.raw), MAX_KEPT_BYTES)
        if batch and size + kept > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += kept
    if batch:
        yield batch


def _upsert(record: Rejected, *, source: str, run_id: str, now: datetime) -> UpdateOne:
    kept = record.raw if len(record.raw) <= MAX_KEPT_BYTES else record.raw[:KEPT_HEAD_BYTES]
    is_ignored = {"$eq": ["$state", QuarantineState.IGNORED]}
    values: Document = {
        "run_id": run_id,
        "identity_key": _literal(record.identity_key),
        "position": str(record.position),
        "raw": _literal(kept.decode("utf-8", errors="backslashreplace")),
        "raw_bytes": len(record.raw),
        "errors": _literal([asdict(error) for error in record.errors]),
        "state": {"$cond": [is_ignored, "$state", QuarantineState.OPEN]},
        "seen": {"$add": [{"$ifNull": ["$seen", 0]}, 1]},
        "first_seen_at": {"$ifNull": ["$first_seen_at", now]},
        "last_seen_at": now,
    }
    fingerprint = blake2b(record.raw, digest_size=16).hexdigest()
    return UpdateOne({"source": source, "fingerprint": fingerprint}, [{"$set": values}], upsert=True)


def _literal(value: object) -> Document:
    return {"$literal": value}
