"""Take one page through parsing, transformation, the store and the quarantine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from docustore.etl.context import RunContext
from docustore.etl.guards.brake import PageHeldError
from docustore.etl.models import RunOptions
from docustore.etl.plan import Outcome
from docustore.etl.quarantine import Rejected, count_reasons, quarantine
from docustore.etl.records import RecordRejectedError
from docustore.etl.sources.source import Page
from docustore.etl.store import Stored, store_page
from docustore.etl.transform import UserRecord, to_user_record
from docustore.etl.unread import sample_of, unread_names

OUTSIDE_WINDOW: Final = "outside_window"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one page's records.

    The outcomes and `outside_window` sum to the records of the page. `outside_window` are the records that the
    source delivered although they are not in the window given by hand. They are not counted as read. A held
    page was counted by the guards only, and nothing of it was stored.
    """

    is_held: bool = False
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    outside_window: int = 0
    sampled: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)


async def store_batch(page: Page, context: RunContext, *, stamp: datetime) -> BatchResult:
    """Store a page as one batch; every record of it gets exactly one outcome.

    Idempotent: a repetition leaves the users as they are, and the quarantine counts the records as seen once more.

    Args:
        stamp: The time that the page's writes carry.
    """
    sorted_page = transform_page(page, context)
    records, rejected = sorted_page.records, sorted_page.rejected
    is_held = context.guards.refuses(page.records)
    try:
        stored = await store_page(records, context, now=stamp) if records else Stored()
    except PageHeldError:
        is_held = True
    if is_held:
        return BatchResult(is_held=True)
    rejected += [
        Rejected(
            raw=page.records[sorted_page.numbers[index] - page.first],
            position=sorted_page.numbers[index],
            errors=(error,),
            identity_key=records[index].key,
            modified_at=None if records[index].is_time_observed else records[index].modified_at,
        )
        for index, error in stored.refusals.items()
    ]
    # A refused record has its outcome from the store.
    outcomes = Counter([*stored.outcomes, *[Outcome.QUARANTINED] * (len(rejected) - len(stored.refusals))])
    if not context.options.dry_run:
        await _update_quarantine(page, sorted_page, stored.outcomes, context, stamp=stamp)
    if context.guards.sample is not None:
        context.guards.sample.add(records, stored.outcomes)
    if context.guards.seen is not None:
        # After the page is stored, and before the checkpoint moves over it.
        await context.guards.seen.note(page.first, records, rejected, rules=context.rules)
    sample = sample_of(page.records, is_first_page=page.first == 1)
    return BatchResult(
        outcomes=outcomes,
        reasons=count_reasons(rejected),
        warnings=Counter(warning for record in records for warning in record.warnings),
        outside_window=sorted_page.outside_window,
        sampled=len(sample),
        unread=unread_names(sample, context.rules.mapping),
        judged=Counter() if context.guards.gate is None else context.guards.gate.judge(records),
    )


async def _update_quarantine(
    page: Page, sorted_page: "SortedPage", outcomes: Sequence[Outcome], context: RunContext, *, stamp: datetime
) -> None:
    """Keep the page's rejected records; close the entries of those that loaded."""
    entries, rules = context.open_entries, context.rules
    facts: Any = {"source": rules.source, "run_id": context.run_id, "now": stamp}
    if sorted_page.rejected:
        await quarantine(context.database, sorted_page.rejected, observed_at=rules.observed_at, **facts)
        await entries.add(context.database, sorted_page.rejected, **facts)
    loaded = (
        (page.records[number - page.first], record, outcome)
        for number, record, outcome in zip(sorted_page.numbers, sorted_page.records, outcomes, strict=True)
    )
    await entries.close_loaded(context.database, loaded, **facts)


@dataclass(slots=True, kw_only=True)
class SortedPage:
    """The valid records of a page with their numbers, and the rejected ones."""

    numbers: list[int] = field(default_factory=list)
    records: list[UserRecord] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    outside_window: int = 0


def transform_page(page: Page, context: RunContext) -> SortedPage:
    """Parse and check the records of a page."""
    found = SortedPage()
    for number, raw in enumerate(page.records, start=page.first):
        if (fault := page.faults.get(number)) is not None:
            found.rejected.append(Rejected(raw=raw, position=number, errors=(fault,), is_row=True))
            continue
        try:
            record = to_user_record(raw, context.rules)
        except RecordRejectedError as exc:
            found.rejected.append(
                Rejected(
                    raw=raw,
                    position=number,
                    errors=exc.errors,
                    identity_key=exc.identity_key,
                    modified_at=exc.modified_at,
                )
            )
            continue
        if _is_wanted(record.modified_at, context.options):
            found.numbers.append(number)
            found.records.append(record)
        else:
            found.outside_window += 1
    return found


def _is_wanted(modified_at: datetime, options: RunOptions) -> bool:
    """Apply a window given by hand, because some sources ignore it, such as files."""
    return (options.since is None or modified_at >= options.since) and (
        options.until is None or modified_at < options.until
    )
