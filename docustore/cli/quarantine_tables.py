"""Quarantined records as tables, for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.etl.quarantine_record import QuarantineReason, QuarantineRecord
from docustore.etl.replay_report import ReplayReport

MAX_SHOWN_CHARS: Final = 5_000
# The rest is in the output of --json.
MAX_SHOWN_RECORDS: Final = 50


def entries_table(entries: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Lay out quarantined records, one row each."""
    if not entries:
        return Text("No quarantined records.")
    table = Table(
        title="Quarantine",
        title_justify="left",
        box=None,
        header_style="bold",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("record", no_wrap=True)
    for column in ("source", "reasons", "state"):
        table.add_column(column, overflow="fold")
    table.add_column("seen", justify="right")
    table.add_column("last seen", no_wrap=True)
    for entry in entries:
        found = [QuarantineReason.model_validate(error) for error in entry["errors"]]
        last_seen = f"{entry['last_seen_at']:%Y-%m-%d %H:%M}"
        table.add_row(
            str(entry["_id"]), entry["source"], _codes(found), entry["state"], f"{entry['seen']:,}", last_seen
        )
    return table


def entry_table(entry: QuarantineRecord) -> RenderableType:
    """Lay out one quarantined record with its reasons and its text."""
    facts = Table(show_header=False, title=f"{entry.source}: {entry.state}", title_justify="left")
    rows = {
        "record": entry.id,
        "identity": entry.identity_key or "none that can be read",
        "run": entry.run_id,
        "number in its input": entry.position,
        "seen": f"{entry.seen:,} times, last {entry.last_seen_at:%Y-%m-%d %H:%M:%S}",
    }
    if entry.resolved_at is not None:
        rows["resolved"] = f"{entry.resolved_at:%Y-%m-%d %H:%M:%S} by {entry.resolved_by}"
    if entry.ignored_at is not None:
        rows["ignored"] = f"{entry.ignored_at:%Y-%m-%d %H:%M:%S} by {entry.ignored_by}: {entry.ignored_reason}"
    for name, value in rows.items():
        facts.add_row(name, Text(value))
    reasons = Table("field", "code", "reason", title="Reasons", title_justify="left")
    for error in entry.errors:
        reasons.add_row(error.pointer or "/", error.code, Text(error.detail))
    raw = entry.raw or ""
    text = raw if len(raw) <= MAX_SHOWN_CHARS else f"{raw[:MAX_SHOWN_CHARS]}... (--json shows all)"
    return Group(facts, reasons, Text(text))


def report_table(report: ReplayReport) -> RenderableType:
    """Lay out the result of a replay: the totals, and the records that did not load."""
    would = "would be " if report.dry_run else ""
    totals = (
        f"{report.loaded:,} {would}loaded, {report.rejected:,} rejected again, {report.impossible:,} impossible "
        "to replay"
    )
    failed = [record for record in report.records if record.errors]
    if not failed:
        return Text(totals)
    table = Table("record", "source", "result", "reasons", box=SIMPLE_HEAD, show_edge=False)
    for record in failed[:MAX_SHOWN_RECORDS]:
        details = "; ".join(error.detail for error in record.errors)
        table.add_row(record.id, record.source, record.result.value, Text(details))
    rest = len(failed) - MAX_SHOWN_RECORDS
    return Group(table, Text(f"and {rest:,} more"), Text(totals)) if rest > 0 else Group(table, Text(totals))


def _codes(errors: Sequence[QuarantineReason]) -> str:
    return ", ".join(dict.fromkeys(f"{error.pointer} {error.code}".strip() for error in errors))
