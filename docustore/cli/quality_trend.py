"""`docustore quality trend`."""

from datetime import datetime
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.cli.utc_time import UtcTime
from docustore.clock import as_utc, now_utc
from docustore.quality.declared import rule_set
from docustore.quality.hours import Bucket, TrendPoint
from docustore.quality.rules import Dimension
from docustore.quality.trend import QualityTrend, quality_trend, scores_of, subject_of

# What is shown instead of a figure that is not known.
GAP: Final = "-"


@command("trend", example="docustore quality trend --rule email_valid --bucket day")
@click.option("--rule", help="The trend of one rule instead of the overall score.")
@click.option("--dimension", type=click.Choice([each.value for each in Dimension]), help="One dimension instead.")
@click.option(
    "--bucket", type=click.Choice([each.value for each in Bucket]), default="hour", help="Width, in UTC."
)
@click.option("--from", "since", type=UtcTime(), help="Begin; by default 7 days of hours, or 90 days.")
@click.option("--to", "until", type=UtcTime(), help="End, exclusive; by default now.")
async def trend(  # one for each option
    invocation: Invocation,
    *,
    rule: str | None,
    dimension: str | None,
    bucket: str,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Show the quality by hour or day; a gap is a time without stored figures."""
    rules = rule_set(invocation.settings().quality_rules)
    subject = subject_of(rules, rule=rule, dimension=None if dimension is None else Dimension(dimension))
    async with command_database(invocation) as database:
        found = await quality_trend(
            database,
            subject,
            bucket=Bucket(bucket),
            since=since and as_utc(since),
            until=until and as_utc(until),
            now=now_utc(),
        )
    invocation.show(found, table=_table(found))


def _table(found: QualityTrend) -> RenderableType:
    table = list_table("from", "score", "lowest", "violated", "of", "not evaluated", "")
    points = _without_outer_gaps(found["points"])
    for point in points:
        form = "%Y-%m-%d %H:%M" if found["bucket"] is Bucket.HOUR else "%Y-%m-%d"
        figures = [point["score"], point["lowest"], point["violated"], point["applicable"], point["not_evaluated"]]
        table.add_row(f"{point['at']:{form}}", *map(_figure, figures), _note(point))
    scores = scores_of(found["points"])
    what = found["subject"]["name"] or "overall"
    if not scores:
        return Text(f"No figures of {what} are stored for this time; the worker stores them once an hour.")
    summary = f"{what}: {scores[0]:.2f} -> {scores[-1]:.2f}, lowest {min(scores):.2f}"
    return Group(table, Text(), Text(summary, style="bold"))


def _without_outer_gaps(points: list[TrendPoint]) -> list[TrendPoint]:
    known = [number for number, point in enumerate(points) if point["hours"]]
    return points[known[0] : known[-1] + 1] if known else []


def _figure(value: float | None) -> str:
    if value is None:
        return GAP
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _note(point: TrendPoint) -> Text:
    if not point["hours"]:
        return Text("gap", style="dim")
    return Text("unusual", style="bold red") if point["is_anomalous"] else Text("")
