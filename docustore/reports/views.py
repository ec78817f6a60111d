"""Reports and deliveries as the API shows them. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from docustore.reports.store import recurrence_of


class ReportDeliveryView(msgspec.Struct, frozen=True):
    """The delivery of one slot.

    `error` is that of the last attempt. A delivery that is `due` is tried at `due_at`.
    """

    slot: datetime
    state: str
    attempts: int
    due_at: datetime
    error: str | None
    rows: int | None
    finished_at: datetime | None


class ReportView(msgspec.Struct, frozen=True):
    """One report; `last` is the delivery of its latest slot.

    `next_slot` is null while the report is paused, and if its schedule is not known to this version.
    """

    name: str
    query: str
    schedule: str
    timezone: str
    format: str
    webhook_url: str | None
    mail_to: list[str]
    is_paused: bool
    next_slot: datetime | None
    owner: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str
    last: ReportDeliveryView | None


class SavedReportView(msgspec.Struct, frozen=True):
    """A saved report.

    `secret` signs the messages to its webhook; it is only shown when it is made, else null.
    """

    report: ReportView
    secret: str | None


def report_view(report: Mapping[str, Any], last: Mapping[str, Any] | None, *, now: datetime) -> ReportView:
    """Make the answer of one report."""
    rule = None if report["is_paused"] else recurrence_of(report)
    names = (name for name in ReportView.__struct_fields__ if name not in {"name", "next_slot", "last"})
    return ReportView(
        name=report["_id"],
        next_slot=None if rule is None else rule.next_after(now),
        last=None if last is None else report_delivery_view(last),
        **{name: report[name] for name in names},
    )


def report_delivery_view(delivery: Mapping[str, Any]) -> ReportDeliveryView:
    """Make the answer of one delivery."""
    told: dict[str, Any] = {name: delivery[name] for name in ReportDeliveryView.__struct_fields__}
    return ReportDeliveryView(**told)
