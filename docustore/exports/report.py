"""What an import did. Pure."""

from collections import Counter
from typing import Any, Final

import msgspec

from docustore.exports.decide import ImportOutcome
from docustore.exports.imported import Reject

# The rejects file has all of them.
LISTED_REJECTS: Final = 100


class RejectReason(msgspec.Struct, frozen=True):
    """Why a row was rejected: a field, a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


class RejectedRow(msgspec.Struct, frozen=True):
    """A rejected row by the number of its line; never its content."""

    line: int
    errors: tuple[RejectReason, ...]

    @classmethod
    def of(cls, reject: Reject) -> "RejectedRow":
        """Make the row of a reject."""
        return cls(
            line=reject.line,
            errors=tuple(RejectReason(each.pointer, each.code, each.detail) for each in reject.errors),
        )


class ImportReport:
    """The figures of an import; the outcomes sum to the rows read."""

    def __init__(self, *, is_dry_run: bool) -> None:
        self.is_dry_run = is_dry_run
        self.outcomes: Counter[ImportOutcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self.rejects: list[RejectedRow] = []

    @property
    def read(self) -> int:
        """The rows with an outcome."""
        return self.outcomes.total()

    @property
    def rejected(self) -> int:
        """The rows that were not imported because of an error."""
        return self.outcomes[ImportOutcome.REJECTED]

    def add_reject(self, reject: Reject) -> RejectedRow:
        """Count a rejected row; keep the first ones."""
        row = RejectedRow.of(reject)
        self.outcomes[ImportOutcome.REJECTED] += 1
        self.reasons.update({f"{each.pointer or '/'} {each.code}" for each in reject.errors})
        if len(self.rejects) < LISTED_REJECTS:
            self.rejects.append(row)
        return row

    def counts(self) -> dict[str, int]:
        """Return every figure by its name."""
        return {"read": self.read, **{outcome.value: self.outcomes[outcome] for outcome in ImportOutcome}}

    def as_document(self) -> dict[str, Any]:
        """Return the report as JSON values; at most `LISTED_REJECTS` rejects."""
        rejects = [msgspec.to_builtins(row) for row in self.rejects]
        return {"dry_run": self.is_dry_run, **self.counts(), "reasons": dict(self.reasons), "rejects": rejects}
