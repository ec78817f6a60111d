"""Runs as tables, for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from docustore.cli.etl_guard_rows import guard_rows
from docustore.etl.guards.gate import OF_GATE
from docustore.etl.models import Counts, EtlRun

OUTCOMES: Final = ("read", "inserted", "updated", "unchanged", "stale", "quarantined", "deactivated", "warnings")
# The counts that fit into 80 columns beside the run id, by their heads.
SHOWN_IN_LIST: Final = {"read": "read", "quar.": "quarantined", "warn.": "warnings"}
DRY_RUN_NOTE: Final = " (dry run: nothing was written)"


def counts_line(counts: Counts) -> str:
    """Describe the outcomes so far in one line, without those that did not occur."""
    outcomes = counts.model_dump()
    parts = [f"{outcomes[name]:,} {name}" for name in OUTCOMES if outcomes[name] or name == "read"]
    return ", ".join(parts)


def run_table(run: EtlRun) -> Table:
    """Lay out one run, one row per fact."""
    counts = run.progress_so_far.counts.model_dump()
    title = f"{run.source}: {run.state}" + (DRY_RUN_NOTE if run.options.dry_run else "")
    table = Table(show_header=False, title=title, title_justify="left")
    table.add_row("run", str(run.id))
    if run.waits_for:
        table.add_row("waits for", ", ".join(run.waits_for))
    since, until = _moment(run.window.since, "the beginning"), _moment(run.window.until, "not fixed yet")
    table.add_row("window", f"{since} .. {until}")
    for name in OUTCOMES:
        table.add_row(name, f"{counts[name]:,}")
    if run.duration_s is not None:
        table.add_row("time", f"{run.duration_s:.1f} s, {run.records_per_s or 0:,.0f} records/s")
    if unread := run.checkpoint.unread.names:
        names = ", ".join(f"{each.name} ({each.records:,})" for each in unread)
        table.add_row("not read", Text(f"{names}; in a sample of {run.checkpoint.unread.sampled:,} records"))
    for label, text in guard_rows(run):
        table.add_row(label, text)
    if run.attempts > 1:
        table.add_row("attempts", str(run.attempts))
    return table


def reasons_table(run: EtlRun) -> Table | None:
    """Lay out why records were quarantined or warned of; None without any."""
    counts = {reason: records for reason, records in run.quality.items() if not reason.startswith(OF_GATE)}
    if not counts:
        return None
    table = Table("reason", "records", title="Quarantine and warnings", title_justify="left")
    for reason, records in sorted(counts.items(), key=lambda entry: -entry[1]):
        table.add_row(reason, f"{records:,}")
    return table


def runs_table(runs: Sequence[EtlRun]) -> RenderableType:
    """Lay out runs, one row each, within 80 columns."""
    if not runs:
        return Text("No runs. `docustore etl run SOURCE` starts one.")
    table = Table(
        title="Runs", title_justify="left", box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False
    )
    for column in ("run", "source", "state", "started"):
        # Only the source may be folded: `etl show` needs the whole id.
        table.add_column(column, no_wrap=column != "source", overflow="fold")
    for column in SHOWN_IN_LIST:
        table.add_column(column, justify="right", no_wrap=True)
    for run in runs:
        counts = run.progress_so_far.counts.model_dump()
        started = f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else "-"
        outcomes = (f"{counts[name]:,}" for name in SHOWN_IN_LIST.values())
        source = f"{run.source} (dry run)" if run.options.dry_run else run.source
        table.add_row(str(run.id), source, run.state, started, *outcomes)
    return table


def _moment(time: datetime | None, otherwise: str) -> str:
    return otherwise if time is None else f"{time:%Y-%m-%d %H:%M:%S}"
