"""Compare everything that a source has with the store.

The incremental path can miss changes: a source that publishes late, a window that was skipped, a user that another
client has changed or removed. A comparison reads the source whole and writes nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.etl.context import RunContext
from docustore.etl.guards.absences import absent_keys
from docustore.etl.guards.keys import KeySet, digests_of
from docustore.etl.guards.watermark import read_watermark
from docustore.etl.models import RunOptions, Window
from docustore.etl.operations import writer_of
from docustore.etl.plan import Outcome
from docustore.etl.recognise import recognise
from docustore.etl.records import RecordRejectedError
from docustore.etl.rules import record_rules
from docustore.etl.sources.registry import open_source
from docustore.etl.sources.source import Page
from docustore.etl.stamps import Stamps
from docustore.etl.store import store_records
from docustore.etl.transform import UserRecord, to_user_record
from docustore.etl.window import check_clock
from docustore.source_settings import SourceSettings
from docustore.users.sound import keyed_identities
from docustore.users.stored import USERS

SAMPLED_KEYS: Final = 20


class Finding(StrEnum):
    """What a comparison finds of one record."""

    SAME = "same"
    MISSING = "missing"
    DIFFERENT = "different"
    GONE = "gone"
    PENDING = "pending"
    REJECTED = "rejected"


_DRIFT: Final = (Finding.MISSING, Finding.DIFFERENT, Finding.GONE)


class Reconciliation(BaseModel):
    """The records of a source by what was found, and the first keys of each finding.

    `missing` records are not in the store, `different` ones would change it, `gone` identities are only in the
    store. `pending` changes are newer than the watermark: the next run reads them. `rejected` records cannot be
    loaded; one without a readable id may be one of those that are gone.
    """

    source: str
    read: int
    findings: dict[Finding, int]
    keys: dict[Finding, list[str]] = Field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """True if the store has what the source has."""
        return not any(self.findings.get(finding) for finding in _DRIFT)


async def reconcile(
    database: Database, name: str, source_settings: SourceSettings, settings: Settings
) -> Reconciliation:
    """Read a source whole, and compare keys and contents with the store.

    Raises:
        DocustoreError: The source cannot be read.
        PyMongoError: The store failed.
    """
    async with open_source(name, source_settings, page_size=settings.etl_batch_size) as source:
        clock = await source.clock()
        max_ahead = timedelta(seconds=settings.etl_max_clock_ahead_s)
        check_clock(clock, source=name, now=datetime.now(UTC), max_ahead=max_ahead)
        watermark = await read_watermark(database, name) if source.reads_window else None
        lag = timedelta(seconds=settings.etl_lag_window_s)
        comparison = _Comparison(
            context=_context(database, name, source_settings, settings, clock=clock),
            pending_from=None if watermark is None else watermark - lag,
            counts=Counter(),
            keys={},
            seen=KeySet(),
        )
        until = clock.replace(microsecond=clock.microsecond // 1000 * 1000)
        await comparison.read(source.pages(Window(until=until), after=None))
        await comparison.find_gone(until)
    read = sum(found for finding, found in comparison.counts.items() if finding is not Finding.GONE)
    return Reconciliation(source=name, read=read, findings=dict(comparison.counts), keys=comparison.keys)


@dataclass(slots=True, kw_only=True)
class _Comparison:
    context: RunContext
    # Changes from this time on are read by the next run; None if it reads everything.
    pending_from: datetime | None
    counts: Counter[Finding]
    keys: dict[Finding, list[str]]
    seen: KeySet

    async def read(self, pages: AsyncIterator[Page]) -> None:
        async for page in pages:
            records = self._records(page)
            self.seen.add(digests_of(record.key for record in records))
            # A dry run: it plans, and writes nothing.
            outcomes = await store_records(records, self.context, now=now_utc())
            stored = await self._stored_keys(records, outcomes)
            for record, outcome in zip(records, outcomes, strict=True):
                self._note(self._finding(record, outcome, stored), record.key)

    async def find_gone(self, until: datetime) -> None:
        database, source = self.context.database, self.context.rules.source
        async for key in absent_keys(database, source, self.seen, until=until):
            self._note(Finding.GONE, key)

    def _records(self, page: Page) -> list[UserRecord]:
        records = []
        for number, raw in enumerate(page.records, start=page.first):
            try:
                if number not in page.faults:
                    records.append(to_user_record(raw, self.context.rules))
                    continue
            except RecordRejectedError:
                pass
            rules = self.context.rules
            key = recognise(raw, source=rules.source, mapping=rules.mapping).identity_key
            if key is not None:
                self.seen.add(digests_of((key,)))
            self._note(Finding.REJECTED, key or f"record {number}")
        return records

    async def _stored_keys(self, records: Sequence[UserRecord], outcomes: Sequence[Outcome]) -> set[str]:
        """Find which of the changed records the store knows at all."""
        changed = [
            record.key
            for record, outcome in zip(records, outcomes, strict=True)
            if outcome in {Outcome.UPDATED, Outcome.DEACTIVATED}
        ]
        if not changed:
            return set()
        users = self.context.database[USERS].find({"identities.key": {"$in": changed}}, {"identities.key": 1})
        return {entry["key"] async for user in users for entry in keyed_identities(user)}

    def _finding(self, record: UserRecord, outcome: Outcome, stored: set[str]) -> Finding:
        if outcome in {Outcome.UNCHANGED, Outcome.STALE}:
            return Finding.SAME
        is_pending = self.pending_from is not None and record.modified_at >= self.pending_from
        if is_pending and not record.is_time_observed:
            return Finding.PENDING
        return Finding.DIFFERENT if record.key in stored else Finding.MISSING

    def _note(self, finding: Finding, key: str) -> None:
        self.counts[finding] += 1
        if finding is not Finding.SAME and self.counts[finding] <= SAMPLED_KEYS:
            self.keys.setdefault(finding, []).append(key)


def _context(
    database: Database, name: str, source_settings: SourceSettings, settings: Settings, *, clock: datetime
) -> RunContext:
    rules = record_rules(name, source_settings, settings, observed_at=clock)
    options = RunOptions(dry_run=True)
    return RunContext(database=database, run_id="", rules=rules, options=options, stamps=Stamps(writer_of(name)))
