"""What a batch of changes does: history rows, and a move of the marts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bson.int64 import Int64

from docustore.analytics.marts import UserMarts, registrations_by_document, share_of
from docustore.changes.events import Change
from docustore.history.models import HistoryRow
from docustore.history.rows import Image, changed_fields, fitted, source_of

# Only a change this large can make a row near the server's limit; measuring every row would cost a third more.
LARGE_CHANGE_BYTES: Final = 4 * 1024 * 1024
# The fields that decide what a user counts for; an update that leaves them alone moves no mart.
_COUNTED_FIELDS: Final = ("status", "created_at", "deleted_at")


@dataclass(slots=True, kw_only=True)
class Effects:
    """Everything one transaction writes, besides the position; built change by change, in their order.

    `rows` are dense from `seq`, the number of the last row already in history. `marts` is a difference, to be
    added. `newest_at` is the wall time of the last change, `image_bytes` the size of what the rows are made of.
    """

    seq: int
    newest_at: datetime
    rows: list[HistoryRow] = field(default_factory=list)
    marts: UserMarts = field(default_factory=UserMarts)
    image_bytes: int = 0

    def add(self, change: Change) -> None:
        """Take in the next change, its images known as far as they can be."""
        self.rows.append(_row(self.seq + len(self.rows) + 1, change))
        _count(change, self.marts)
        self.image_bytes += change.size_bytes


def effects_of(changes: Sequence[Change], *, seq: int) -> Effects:
    """Turn changes, at least one, into effects; see `Effects`."""
    effects = Effects(seq=seq, newest_at=changes[-1].wall_time)
    for change in changes:
        effects.add(change)
    return effects


def marts_increments(marts: UserMarts) -> dict[str, dict[str, Any]]:
    """Write a difference of marts as `$inc` operands by document of `user_stats`; zeros left out.

    Shape: `{"users": {"total": 1, "by_status.active": 1, ...}, "registrations:2024": {"days.0501": 1}}`; the
    first is always there. Every path is made of fixed words and digits.
    """
    figures = {"total": marts.total, "dated": marts.dated, "created_at_sum_s": Int64(marts.created_at_sum_s)}
    totals = {name: count for name, count in figures.items() if count}
    totals |= {f"by_status.{status}": count for status, count in marts.by_status.items() if count}
    by_year = {
        document: {f"days.{day}": count for day, count in days.items()}
        for document, days in registrations_by_document(marts).items()
    }
    return {"users": totals, **by_year}


def _row(number: int, change: Change) -> HistoryRow:
    row: HistoryRow = {
        "_id": Int64(number),
        "event_id": change.event_id,
        "operation": change.operation.value,
        "user_id": change.user_id,
        "changes": changed_fields(change.before, change.after) if change.is_before_known else {},
        "after": change.after_raw,
        "valid_from": change.wall_time,
        "cluster_time": change.cluster_time,
        "source": source_of(change.before, change.after),
    }
    for name in change.unchecked:
        row["changes"].pop(name, None)
    if not change.is_after_known:
        row["approximate"] = True
    return fitted(row) if change.size_bytes > LARGE_CHANGE_BYTES else row


def _count(change: Change, marts: UserMarts) -> None:
    before, after = change.before, change.after
    if not change.is_before_known or (before and after and _counts_the_same(before, after)):
        return
    share_before = None if before is None else share_of(before)
    share_after = None if after is None else share_of(after)
    if share_before == share_after:
        return
    if share_before is not None:
        marts.add(share_before, -1)
    if share_after is not None:
        marts.add(share_after, 1)


def _counts_the_same(before: Image, after: Image) -> bool:
    return all(before.get(name) == after.get(name) for name in _COUNTED_FIELDS)
