"""Take one page through parsing, transformation, the store and the quarantine."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from docustore.clock import now_utc
from docustore.errors import FieldError
from docustore.etl.classify import Outcome
from docustore.etl.context import RunContext
from docustore.etl.guards.brake import PageHeldError
from docustore.etl.models import RunOptions
from docustore.etl.quarantine import Rejected, count_reasons, quarantine
from docustore.etl.records import RecordRejectedError
from docustore.etl.sources.source import Page
from docustore.etl.store import store_records
from docustore.etl.transform import UserRecord, to_user_record

CONFLICT: Final = FieldError(pointer="", code="conflict", detail="gave up after six conflicting writes")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one page's records; the outcomes sum to `read`.

    A held page was counted by the guards only, and nothing of it was stored.
    """

    is_held: bool = False
    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


async def store_batch(page: Page, context: RunContext) -> BatchResult:
    """Store a page as one batch; every record of it gets exactly one outcome.

    Idempotent: a repetition leaves the users as they are, and the quarantine counts the records as seen once more.
    """
    now = now_utc()
    numbers, records, rejected = _transform_page(page, context)
    is_held = context.guards.refuses(page.records)
    try:
        outcomes = await store_records(records, context, now=now) if records else []
    except PageHeldError:
        is_held = True
    if is_held:
        return BatchResult(is_held=True)
    refused = [
        Rejected(
            raw=page.records[number - page.first], position=number, errors=(CONFLICT,), identity_key=record.key
        )
        for number, record, outcome in zip(numbers, records, outcomes, strict=True)
        if outcome is Outcome.QUARANTINED
    ]
    rejected += refused
    counted: Counter[Outcome] = Counter(outcomes)
    read = counted.total() + len(rejected) - len(refused)
    counted[Outcome.QUARANTINED] = len(rejected)
    if rejected and not context.options.dry_run:
        await quarantine(context.database, rejected, source=context.rules.source, run_id=context.run_id, now=now)
    if context.guards.sample is not None:
        context.guards.sample.add(records, outcomes)
    if context.guards.seen is not None:
        # After the page is stored, and before the checkpoint moves over it.
        await context.guards.seen.note(page.first, records, rejected, source=context.rules.source)
    return BatchResult(
        read=read,
        outcomes=counted,
        reasons=count_reasons(rejected),
        warnings=Counter(warning for record in records for warning in record.warnings),
    )


def _transform_page(page: Page, context: RunContext) -> tuple[list[int], list[UserRecord], list[Rejected]]:
    """Return the numbers and records that are valid, and the rejected records."""
    numbers: list[int] = []
    records: list[UserRecord] = []
    rejected: list[Rejected] = []
    for number, raw in enumerate(page.records, start=page.first):
        if (fault := page.faults.get(number)) is not None:
            rejected.append(Rejected(raw=raw, position=number, errors=(fault,)))
            continue
        try:
            record = to_user_record(raw, context.rules)
        except RecordRejectedError as exc:
            rejected.append(Rejected(raw=raw, position=number, errors=exc.errors))
            continue
        if _is_wanted(record.modified_at, context.options):
            numbers.append(number)
            records.append(record)
    return numbers, records, rejected


def _is_wanted(modified_at: datetime, options: RunOptions) -> bool:
    """Apply a window given by hand, because some sources ignore it, such as files."""
    return (options.since is None or modified_at >= options.since) and (
        options.until is None or modified_at < options.until
    )
