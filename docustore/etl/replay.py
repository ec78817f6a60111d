"""Load quarantined records again, by the present code and settings.

A record has the time that it had when it was read, so a replay never overwrites a newer version. A record that
loads closes its entry. One that is rejected again keeps its entry open, with the present reasons. Secrets were
masked when the record was stored. No field of a user is a secret, so a masked record loads as it would have loaded
unmasked. A record that would load the mask itself is refused.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import UpdateOne

from docustore.audit.log import record as record_action
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import FieldError
from docustore.etl.batch import transform_page
from docustore.etl.context import RunContext
from docustore.etl.masking import MASK
from docustore.etl.models import QUARANTINE, QuarantineState, RunOptions
from docustore.etl.operations import writer_of
from docustore.etl.plan import Outcome
from docustore.etl.quarantine import MAX_KEPT_ERRORS
from docustore.etl.replay_report import ReplayedRecord, ReplayReport, ReplayResult, reasons
from docustore.etl.rules import record_rules
from docustore.etl.selection import Selection, require_known
from docustore.etl.sources.source import Page
from docustore.etl.stamps import Stamps
from docustore.etl.store import store_page
from docustore.etl.transform import UserRecord
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

BATCH_RECORDS: Final = 200
BATCH_CHARS: Final = 16_000_000
# Bytes that are no text were stored as escapes, which are other characters in a JSON text.
_NOT_KEPT: Final = frozenset({"not_utf8", "not_decodable"})
_INCOMPLETE: Final = FieldError(
    pointer="", code="incomplete", detail="only the beginning of the record is stored; run the source again"
)
_NOT_TEXT: Final = FieldError(
    pointer="", code="not_text", detail="the record is no text; correct it in the source and run the source again"
)
_NOT_SPLIT: Final = FieldError(
    pointer="",
    code="not_split",
    detail="the source could not split the row into fields; correct it in the source and run the source again",
)
_MASKED: Final = FieldError(
    pointer="", code="masked", detail="a field of the user would be a masked secret; run the source again"
)

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """Who replays, and how.

    `required` are the fields that a record needs if its source is not configured. With `is_dry_run`, nothing is
    written.
    """

    database: Database
    settings: Settings
    actor: str
    request_id: str | None = None
    required: tuple[str, ...] | None = None
    is_dry_run: bool = False

    def source(self, name: str) -> SourceSettings:
        """Return the settings of a source; of a file or URL, those that `etl run` uses."""
        configured = self.settings.sources.get(name)
        if configured is not None:
            return configured
        given = {} if self.required is None else {"required": self.required}
        return SourceSettings(kind=SourceKind.FILE, url=name, schedule="off", **given)


async def replay(replayer: Replayer, selection: Selection, *, limit: int | None = None) -> ReplayReport:
    """Replay the selected entries, oldest first, and record the action.

    Args:
        limit: At most this many; None is all.

    Raises:
        NotFoundError: There is no entry with a given id.
        RecordsBusyError: Other writers came first many times. The entries of earlier batches are closed.
    """
    database = replayer.database
    await require_known(database, selection)
    total = await database[QUARANTINE].count_documents(selection.query)
    report = ReplayReport(dry_run=replayer.is_dry_run)
    try:
        async for source, entries in _batches(database, selection, limit=limit):
            report.add(await _replay_batch(replayer, source, entries))
    finally:
        report.remaining = total - len(report.records)
        if not replayer.is_dry_run:
            counts = report.model_dump(include={"loaded", "rejected", "impossible"})
            await record_action(
                database,
                actor=replayer.actor,
                action="quarantine.replay",
                target=selection.target,
                after=counts,
            )
    return report


async def _batches(
    database: Database, selection: Selection, *, limit: int | None
) -> AsyncIterator[tuple[str, list[Entry]]]:
    """Yield the entries in groups of one source; a record may have eight megabytes."""
    batch: list[Entry] = []
    chars = 0
    # A rejected record stays open. Its id is behind the cursor, so it is not replayed twice.
    found = database[QUARANTINE].find(selection.query, sort=[("_id", 1)], limit=limit or 0, batch_size=10)
    async for entry in found:
        is_full = len(batch) >= BATCH_RECORDS or chars + len(entry["raw"]) > BATCH_CHARS
        if batch and (is_full or entry["source"] != batch[0]["source"]):
            yield batch[0]["source"], batch
            batch, chars = [], 0
        batch.append(entry)
        chars += len(entry["raw"])
    if batch:
        yield batch[0]["source"], batch


async def _replay_batch(replayer: Replayer, source: str, entries: Sequence[Entry]) -> list[ReplayedRecord]:
    context = _context(replayer, source)
    replayed: dict[int, ReplayedRecord] = {}
    indexes: list[int] = []
    records: list[UserRecord] = []
    for index, entry in enumerate(entries):
        read = _read(entry, context)
        if isinstance(read, ReplayedRecord):
            replayed[index] = read
        else:
            indexes.append(index)
            records.append(read)
    stamp = context.stamps.next(now_utc())
    stored = await store_page(records, context, now=stamp)
    for position, (index, outcome) in enumerate(zip(indexes, stored.outcomes, strict=True)):
        error = stored.refusals.get(position)
        replayed[index] = _stored(entries[index], records[position], outcome, error)
    in_order = [replayed[index] for index in range(len(entries))]
    if not replayer.is_dry_run:
        await _save(replayer, entries, in_order, now=stamp)
    return in_order


def _context(replayer: Replayer, source: str) -> RunContext:
    rules = record_rules(source, replayer.source(source), replayer.settings, observed_at=datetime.now(UTC))
    return RunContext(
        database=replayer.database,
        run_id="replay",
        rules=rules,
        options=RunOptions(dry_run=replayer.is_dry_run),
        stamps=Stamps(writer_of(source)),
        replayed_by=replayer.actor,
        request_id=replayer.request_id,
    )


def _read(entry: Entry, context: RunContext) -> UserRecord | ReplayedRecord:
    """Read an entry's record, or say why it cannot be loaded."""
    if (error := _impossibility(entry)) is not None:
        return _shown(entry, ReplayResult.IMPOSSIBLE, errors=(error,))
    observed_at = entry.get("observed_at") or entry["last_seen_at"]
    as_then = replace(context, rules=replace(context.rules, observed_at=observed_at))
    page = transform_page(Page(records=[entry["raw"].encode()], first=1, resume=""), as_then)
    if page.rejected:
        [rejected] = page.rejected
        return _shown(entry, ReplayResult.REJECTED, errors=rejected.errors, identity_key=rejected.identity_key)
    [record] = page.records
    if MASK in entry["raw"] and MASK in str(record.values):
        return _shown(entry, ReplayResult.IMPOSSIBLE, errors=(_MASKED,))
    return record


def _impossibility(entry: Entry) -> FieldError | None:
    if entry.get("is_row"):
        return _NOT_SPLIT
    if entry.get("omitted_bytes"):
        return _INCOMPLETE
    if any(error["code"] in _NOT_KEPT for error in entry["errors"]):
        return _NOT_TEXT
    return None


def _stored(entry: Entry, record: UserRecord, outcome: Outcome, error: FieldError | None) -> ReplayedRecord:
    if error is not None:
        return _shown(entry, ReplayResult.REJECTED, errors=(error,), identity_key=record.key)
    return _shown(entry, ReplayResult.LOADED, outcome=outcome, identity_key=record.key)


def _shown(
    entry: Entry,
    result: ReplayResult,
    *,
    outcome: Outcome | None = None,
    errors: Sequence[FieldError] = (),
    identity_key: str | None = None,
) -> ReplayedRecord:
    return ReplayedRecord(
        id=str(entry["_id"]),
        source=entry["source"],
        identity_key=identity_key or entry["identity_key"],
        result=result,
        outcome=outcome,
        errors=reasons(errors),
    )


async def _save(
    replayer: Replayer, entries: Sequence[Entry], replayed: Sequence[ReplayedRecord], *, now: datetime
) -> None:
    operations = [
        # A run may have closed the entry, or seen the record again.
        UpdateOne(
            {"_id": entry["_id"], "last_seen_at": entry["last_seen_at"], "state": entry["state"]},
            {"$set": changed},
        )
        for entry, record in zip(entries, replayed, strict=True)
        if (changed := _changes(record, actor=replayer.actor, now=now))
    ]
    if operations:
        await replayer.database[QUARANTINE].bulk_write(operations, ordered=False)


def _changes(record: ReplayedRecord, *, actor: str, now: datetime) -> dict[str, Any]:
    if record.result is ReplayResult.LOADED:
        return {"state": QuarantineState.RESOLVED.value, "resolved_at": now, "resolved_by": actor}
    if record.result is ReplayResult.REJECTED:
        errors = [error.model_dump() for error in record.errors[:MAX_KEPT_ERRORS]]
        return {"errors": errors, "identity_key": record.identity_key}
    return {}
