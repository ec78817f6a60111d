"""The result of a demonstration, for machines and for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.demo.proof import OUTCOMES
from docustore.demo.scenario import Outcome

SHOWN_REASONS: Final = 10


def summary(outcome: Outcome, *, discrepancies: Sequence[str], url: str) -> dict[str, Any]:
    """Build the JSON document of the result.

    Shape: `{runs: [run, run], changes: {applied, lag_s}, analytics, quality: {score, issues}, advanced, timings,
    reconciled, discrepancies, url}`. `score` is that of the quality report; `issues` counts the reasons of both
    runs.
    """
    issues: Counter[str] = Counter()
    for run in outcome.runs:
        issues.update(run["quality"])
    return {
        "runs": list(outcome.runs),
        "changes": {"applied": outcome.changes["applied"], "lag_s": outcome.changes["lag_s"]},
        "analytics": outcome.analytics,
        "quality": {
            "score": outcome.quality["score"],
            "issues": dict(issues.most_common()),
        },
        "advanced": outcome.advanced,
        "timings": asdict(outcome.timings),
        "reconciled": not discrepancies,
        "discrepancies": list(discrepancies),
        "url": url,
    }


def summary_tables(document: Mapping[str, Any]) -> RenderableType:
    """Lay out the summary for a terminal of 80 columns."""
    parts: list[RenderableType] = [_runs(document), _users(document), _reasons(document)]
    if document["reconciled"]:
        parts.append(Text("Everything reconciles: counts, live marts, history.", style="bold green"))
    else:
        parts += [Text(f"Discrepancy: {line}", style="bold red") for line in document["discrepancies"]]
    return Group(*parts)


def _runs(document: Mapping[str, Any]) -> Table:
    table = Table(title="Runs", title_justify="left")
    table.add_column("")
    table.add_column("first, everything", justify="right")
    table.add_column("second, what changed", justify="right")
    first, second = document["runs"]
    for name in ("read", *OUTCOMES, "warnings"):
        table.add_row(name, f"{first['counts'][name]:,}", f"{second['counts'][name]:,}")
    table.add_row("seconds", f"{first['duration_s']:.1f}", f"{second['duration_s']:.1f}", end_section=True)
    advanced = document["advanced"]
    parts = ", ".join(f"{advanced[name]:,} {name}" for name in ("new", "changed", "moved", "deleted"))
    table.caption = f"Between them, upstream: {parts}"
    table.caption_justify = "left"
    return table


def _users(document: Mapping[str, Any]) -> Table:
    analytics, changes = document["analytics"], document["changes"]
    table = Table(title="Users, live", title_justify="left", show_header=False)
    table.add_row("total", f"{analytics['total_users']:,}")
    for status, users in analytics["status_distribution"].items():
        table.add_row(status, f"{users:,}")
    table.add_row("average account age", f"{analytics['average_account_age_days']:,.0f} days")
    score = document["quality"]["score"]
    table.add_row("quality score", "none" if score is None else f"{score:g} of 100")
    table.add_row(
        "changes applied",
        f"{changes['applied']:,}, each exactly once, after {document['timings']['listener_s']} s",
    )
    return table


def _reasons(document: Mapping[str, Any]) -> Table:
    table = Table("reason", "records", title="Quarantine and warnings", title_justify="left")
    for reason, records in list(document["quality"]["issues"].items())[:SHOWN_REASONS]:
        table.add_row(reason, f"{records:,}")
    return table
