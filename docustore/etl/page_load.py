"""Take one page through all stages: parse, find what is known, transform, classify and load, quarantine."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from docustore.database import Database
from docustore.errors import FieldError
from docustore.etl.classify import Outcome
from docustore.etl.load import LoadContext, load
from docustore.etl.models import RunOptions
from docustore.etl.progress import PageResult
from docustore.etl.quarantine import Rejected, count_reasons, quarantine
from docustore.etl.records import RecordRejectedError
from docustore.etl.sources.page import Page
from docustore.etl.transform import RecordRules, UserRecord, to_user_record

CONFLICT: Final = FieldError(
    pointer="",
    code="conflict",
    detail="the store refused it in six rounds: a user that others keep changing holds its identity or address",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What all pages of a run share."""

    database: Database
    run_id: str
    rules: RecordRules
    options: RunOptions


async def load_page(page: Page, context: PageContext, load_context: LoadContext) -> PageResult:
    """Load a page; every record of it gets exactly one outcome. Idempotent, like `load`."""
    numbers, records, rejected = _transformed(page, context)
    outcomes = await load(context.database, records, load_context) if records else []
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
    if rejected and not load_context.dry_run:
        await quarantine(
            context.database, rejected, source=context.rules.source, run_id=context.run_id, now=load_context.now
        )
    return PageResult(
        read=read,
        outcomes=counted,
        reasons=count_reasons(rejected),
        warnings=Counter(warning for record in records for warning in record.warnings),
    )


def _transformed(page: Page, context: PageContext) -> tuple[list[int], list[UserRecord], list[Rejected]]:
    numbers: list[int] = []
    records: list[UserRecord] = []
    rejected: list[Rejected] = []
    for number, raw in enumerate(page.records, start=page.first):
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
    """Hold a window given by hand against sources that do not filter, such as files."""
    return (options.since is None or modified_at >= options.since) and (
        options.until is None or modified_at < options.until
    )
