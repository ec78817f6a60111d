"""What a dry run would have inserted so far. Pure.

A dry run writes nothing, so its later pages do not find what its earlier pages would have inserted. Without this
memory, a second line of a new identity would count as a second insert.
"""

from collections.abc import Sequence
from datetime import datetime

from docustore.etl.plan import Outcome
from docustore.etl.transform import UserRecord


class Rehearsal:
    """The identities and addresses that a dry run has counted as inserted."""

    def __init__(self) -> None:
        self._versions: dict[str, tuple[datetime, str]] = {}
        self._emails: set[str] = set()

    def corrected(self, records: Sequence[UserRecord], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes of a page as if the earlier pages were stored."""
        return [self._outcome(record, outcome) for record, outcome in zip(records, outcomes, strict=True)]

    def _outcome(self, record: UserRecord, outcome: Outcome) -> Outcome:
        if outcome is not Outcome.INSERTED or record.values is None:
            return outcome
        known, version = self._versions.get(record.key), (record.modified_at, record.hash)
        if known is None:
            self._versions[record.key] = version
            is_new = record.values["email"] not in self._emails
            self._emails.add(record.values["email"])
            return Outcome.INSERTED if is_new else Outcome.UPDATED
        if known == version:
            return Outcome.UNCHANGED
        if known > version:
            return Outcome.STALE
        self._versions[record.key] = version
        return Outcome.UPDATED
