"""Import the users of a file.

Idempotent, and safe beside other writers: inserts meet the unique indexes, changes carry the version that they
were decided from. A killed import is repeated: what it has written is then unchanged. Not atomic.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any, Final

import msgspec
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from docustore.audit.log import record
from docustore.clock import now_utc
from docustore.database import Database, Document
from docustore.errors import FieldError, SourceContentError
from docustore.exports.decide import (
    TAKEN,
    Action,
    ImportOutcome,
    Insertion,
    Known,
    Replacement,
    Rules,
    Update,
    decide,
)
from docustore.exports.imported import Checked, ImportedUser, Reject, StoredUser, checked
from docustore.exports.report import ImportReport
from docustore.exports.rows import Row, RowFile
from docustore.exports.write_failures import BUSY, Failures, failures_of
from docustore.migrations.registry import MIGRATIONS
from docustore.transient import is_transient, unavailability
from docustore.users.stored import USERS, id_key

BATCH_ROWS: Final = 1000
# A lost race is decided anew with the present user; other writers win a few times at most.
ROUNDS: Final = 5
PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_REPEATED: Final = FieldError(
    pointer="",
    code="repeated",
    detail="an earlier row has the same e-mail address or id, and the rows have no `updated_at`: keep one of them",
)
_AGAIN: Final = "Get the whole file and import it again: no row counts twice"

Valid = ImportedUser | StoredUser
Operation = InsertOne[Document] | UpdateOne | ReplaceOne[Document]


@dataclass(slots=True, kw_only=True)
class Import:
    """One import: its file, its rules, what it has done so far.

    `rejects` gets one line of JSON per rejected row. `on_progress` is called after each batch.
    """

    database: Database
    file: RowFile
    rules: Rules
    is_dry_run: bool = False
    rejects: IO[bytes] | None = None
    on_progress: Callable[[ImportReport], None] = lambda _: None
    batch_rows: int = BATCH_ROWS
    report: ImportReport = field(init=False)
    # By line: what a write has done, if it was this import that has made the user as it is.
    _unsure: dict[int, ImportOutcome] = field(init=False, default_factory=dict)
    _timeless: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.report = ImportReport(is_dry_run=self.is_dry_run)

    async def run(self) -> ImportReport:
        """Import every row.

        Raises:
            ConfigurationError: The file cannot be read.
            SourceContentError: The file is damaged or no file of users. `read` rows before were imported; the
                message tells how many.
            DatabaseUnavailableError: The server does not answer.
        """
        try:
            return await self._run()
        except SourceContentError as exc:
            if not self.report.read:
                raise
            done = "checked" if self.is_dry_run else "read and stored, as far as they are valid"
            problem = f"{exc.problem}; {self.report.read:,} rows before it were {done}. {_AGAIN}"
            raise SourceContentError(source=exc.source, problem=problem) from exc

    async def _run(self) -> ImportReport:
        async for rows in self._batches():
            valid: list[Valid] = []
            keys: set[Any] = set()
            for row in rows:
                if isinstance(row, Reject):
                    self._reject(row)
                    continue
                if self._is_repeated(row):
                    self._reject(Reject(line=row.line, errors=(_REPEATED,)))
                    continue
                # Two rows of one user are decided one after the other.
                own = {id_key(row.user_id), row.email} - {None, id_key(None)}
                if own & keys:
                    await self._store(valid)
                    valid, keys = [], set()
                valid.append(row)
                keys |= own
            await self._store(valid)
            self.on_progress(self.report)
        return self.report

    def _is_repeated(self, row: Valid) -> bool:
        """Tell whether an earlier row without a time is of the same user.

        Times decide between rows. Without them, two rows would change the user at each import.
        """
        if isinstance(row, StoredUser) or row.updated_at is not None:
            return False
        # Hashes: 60 bytes for each row without a time, also of a file of millions.
        keys = {hash(key) for key in (row.email, row.user_id) if key is not None}
        is_repeated = not keys.isdisjoint(self._timeless)
        self._timeless |= keys
        return is_repeated

    async def _batches(self) -> AsyncIterator[list[Checked]]:
        rows = self.file.rows(batch_rows=self.batch_rows)
        try:
            while batch := await asyncio.to_thread(_taken, rows, self.batch_rows):
                yield batch
        finally:
            # A thread that is still reading cannot be cancelled. It closes the file when it is done.
            with suppress(ValueError):
                rows.close()

    async def _store(self, rows: Sequence[Valid]) -> None:
        pending = list(rows)
        refused: dict[int, FieldError] = {}
        for _ in range(ROUNDS):
            if not pending:
                return
            pending, refused = await self._round(pending)
        for row in pending:
            self._reject(Reject(line=row.line, errors=(refused.get(row.line, BUSY),)))

    async def _round(self, rows: list[Valid]) -> tuple[list[Valid], dict[int, FieldError]]:
        """Decide and write rows; return those that lost a race, with the reasons."""
        known = await self._retried(lambda: self._known(rows))
        decided = [(row, decide(row, known, self.rules)) for row in rows]
        writes = [(row, action) for row, action in decided if not isinstance(action, ImportOutcome | FieldError)]
        # A change of the batch may free an address that another row of it takes.
        has_changes = any(isinstance(action, Update | Replacement) for _, action in writes)
        may_be_freed = has_changes and not self.is_dry_run
        waiting = {row.line: TAKEN for row, action in decided if action is TAKEN and may_be_freed}
        for row, action in decided:
            if row.line in waiting:
                continue
            if isinstance(action, FieldError):
                self._reject(Reject(line=row.line, errors=(action,)))
            elif isinstance(action, ImportOutcome):
                before = self._unsure.pop(row.line, action)
                self.report.outcomes[before if action is ImportOutcome.UNCHANGED else action] += 1
        if self.is_dry_run:
            self.report.outcomes.update(_outcome(action) for _, action in writes)
            return [], {}
        pending, reasons = await self._write(writes)
        return [row for row in rows if row.line in waiting] + pending, waiting | reasons

    async def _write(self, writes: list[tuple[Valid, Any]]) -> tuple[list[Valid], dict[int, FieldError]]:
        if not writes:
            return [], {}
        failed: Failures = Failures()
        try:
            result = await self._retried(lambda: self._bulk([action for _, action in writes]))
            changed = result.matched_count
        except BulkWriteError as exc:
            failed = failures_of(exc)
            changed = exc.details["nMatched"]
        failed_changes = sum(not isinstance(writes[index][1], Insertion) for index in failed.refused | failed.met)
        changes = sum(not isinstance(action, Insertion) for _, action in writes)
        # The server does not say which guard missed: then all changes are decided anew.
        is_sure = changed + failed_changes == changes
        pending: list[Valid] = []
        reasons: dict[int, FieldError] = {}
        for index, (row, action) in enumerate(writes):
            error = failed.met.get(index)
            if index in failed.refused:
                self._reject(Reject(line=row.line, errors=failed.refused[index]))
            elif error is not None:
                pending.append(row)
                reasons[row.line] = error
                # A write that was repeated after a lost connection may have met itself.
                self._unsure[row.line] = _outcome(action)
            elif is_sure or isinstance(action, Insertion):
                self.report.outcomes[_outcome(action)] += 1
            else:
                pending.append(row)
                self._unsure[row.line] = _outcome(action)
        return pending, reasons

    async def _bulk(self, actions: list[Any]) -> Any:
        # Unordered: one refused row must cost one row.
        return await self.database[USERS].bulk_write([_operation(each) for each in actions], ordered=False)

    async def _known(self, rows: Sequence[Valid]) -> Known:
        ids = [row.user_id for row in rows if row.user_id is not None]
        emails = [row.email for row in rows if row.email is not None]
        users = self.database[USERS]
        found = await users.find({"_id": {"$in": ids}}).to_list() if ids else []
        found += await users.find({"email": {"$in": emails}, "deleted_at": None}).to_list() if emails else []
        return Known(found)

    async def _retried(self, work: Callable[[], Any]) -> Any:
        for pause_s in (*PAUSES_S, None):
            try:
                return await work()
            except PyMongoError as exc:
                if not is_transient(exc):
                    raise
                if pause_s is None:
                    raise (unavailability(exc) or exc) from exc
                await asyncio.sleep(pause_s)
        raise AssertionError("unreachable: the loop returns or raises")

    def _reject(self, reject: Reject) -> None:
        row = self.report.add_reject(reject)
        if self.rejects is not None:
            self.rejects.write(msgspec.json.encode(row) + b"\n")


async def import_users(order: Import, *, target: str) -> ImportReport:
    """Run an import and record it.

    Args:
        target: The name of the file.

    Raises:
        The errors of `Import.run`.
    """
    facts = {"dry_run": order.is_dry_run, "overwrite": order.rules.is_overwriting}
    if order.is_dry_run:
        return await order.run()
    audit: dict[str, Any] = {"actor": order.rules.actor, "action": "users.import", "target": target}
    await record(order.database, **audit, after={**facts, "state": "started"})
    state = "failed"
    try:
        report = await order.run()
        state = "finished"
    finally:
        await record(order.database, **audit, after={**facts, "state": state, **order.report.counts()})
    return report


def rules_of(actor: str, *, is_overwriting: bool) -> Rules:
    """Make the rules of an import that starts now."""
    return Rules(actor=actor, now=now_utc(), is_overwriting=is_overwriting)


def _taken(rows: Iterator[Row], count: int) -> list[Checked]:
    return [checked(row, MIGRATIONS) for row in islice(rows, count)]


def _outcome(action: Action) -> ImportOutcome:
    return ImportOutcome.INSERTED if isinstance(action, Insertion) else ImportOutcome.UPDATED


def _operation(action: Insertion | Update | Replacement) -> Operation:
    if isinstance(action, Insertion):
        return InsertOne(action.document)
    if isinstance(action, Replacement):
        return ReplaceOne(action.guard, action.document)
    return UpdateOne(action.guard, {"$set": action.fields})
