"""`docustore analytics show` and `verify`: figures about users."""

from typing import Any, Final, Protocol

import click
import msgspec
from click.core import ParameterSource
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.analytics.cube.answers import DEFAULT_TOP, MAX_TOP
from docustore.analytics.cube.ask import (
    Asking,
    Request,
    ask_ages,
    ask_cohorts,
    ask_registrations,
    ask_transitions,
    ask_users,
    source_of,
)
from docustore.analytics.cube.buckets import BucketUnit, Weekday
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.scope import Comparison
from docustore.analytics.cube.tables import Table as Rows
from docustore.analytics.cube.tables import csv_of
from docustore.analytics.dimensions import DIMENSIONS
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.cli.analytics_tables import report_table
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.store import command_database
from docustore.cli.utc_time import UtcTime
from docustore.clock import now_utc

_PERIOD: Final = frozenset({"since", "until"})
_BUCKETS: Final = frozenset({*_PERIOD, "bucket", "time_zone", "week_start", "compare"})
_VALUES: Final = frozenset({"dimension", "top"})
# The options that a report takes, beside those of every report.
_TAKES: Final = {
    "users": _PERIOD | _VALUES | {"time_zone", "compare"},
    "registrations": _BUCKETS | _VALUES,
    "transitions": _BUCKETS,
    "cohorts": _PERIOD | _VALUES,
    "ages": _PERIOD | _VALUES | {"time_zone", "compare"},
}
_ASK: Final = {
    "users": ask_users,
    "registrations": ask_registrations,
    "transitions": ask_transitions,
    "cohorts": ask_cohorts,
    "ages": ask_ages,
}


class _Report(Protocol):
    @property
    def freshness(self) -> Freshness: ...

    def table(self) -> Rows: ...


@command("show", example="docustore analytics show registrations --bucket month --time-zone Asia/Kolkata")
@click.argument("report", type=click.Choice(list(_ASK)))
@click.option("--since", type=UtcTime(), help="The begin of the period, such as 2026-01-31T00:00:00Z.")
@click.option("--until", type=UtcTime(), help="The moment after the period; by default now.")
@click.option("--bucket", type=click.Choice([unit.value for unit in BucketUnit]), default="day", show_default=True)
@click.option("--time-zone", default="UTC", show_default=True, help="The time zone of the buckets.")
@click.option("--week-start", type=click.Choice([day.value for day in Weekday]), default="monday")
@click.option("--dimension", type=click.Choice(list(DIMENSIONS)), help="Count users by the values of this.")
@click.option("--top", type=click.IntRange(1, MAX_TOP), default=DEFAULT_TOP, help="How many values are named.")
@click.option("--compare", type=click.Choice([each.value for each in Comparison]), help="Also an earlier period.")
@click.option("--exact", is_flag=True, help="Look at all users instead of counters; slow.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV that spreadsheets can open.")
async def show(invocation: Invocation, *, report: str, exact: bool, as_csv: bool, **asked: Any) -> None:
    """Show a report: users, registrations, transitions, cohorts or ages."""
    _require_taken(report, asked)
    settings = invocation.settings()
    async with command_database(invocation) as database:
        source = source_of(
            database, is_exact=exact, timeout_ms=settings.query_timeout_ms, committed=COMMITTED_STAGE
        )
        asking = Asking(source=source, now=now_utc())
        found: Any = await _ASK[report](asking, _request(asked))
    if as_csv:
        click.echo(csv_of(found.table()), nl=False)
        return
    invocation.show(msgspec.to_builtins(found), table=_shown(found))


@command("verify", example="docustore analytics verify")
async def verify(invocation: Invocation) -> int:
    """Count all users again and compare: exit 0 equal, 1 different."""
    settings = invocation.settings()
    async with command_database(invocation) as database:
        found = await derived_difference(database, UserAnalyticsEffect(settings))
    differences = [] if found is None else found.split("; ")
    next_step = ["Next step: docustore changes rebuild user_analytics"]
    lines = [*differences, *next_step] if differences else ["Every counter is right."]
    invocation.show({"differences": differences}, table=Text("\n".join(lines)))
    return FAILED if differences else DONE


def _require_taken(report: str, asked: dict[str, Any]) -> None:
    """Refuse options that would change nothing.

    The answer would look like that to another question.
    """
    context = click.get_current_context()
    for name in asked.keys() - _TAKES[report]:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            takes = ", ".join(f"--{each.replace('_', '-')}" for each in sorted(_TAKES[report]))
            msg = f"the report {report} does not take --{name.replace('_', '-')}; it takes {takes}"
            raise click.UsageError(msg)


def _request(asked: dict[str, Any]) -> Request:
    compare = asked["compare"]
    return Request(
        since=asked["since"],
        until=asked["until"],
        unit=BucketUnit(asked["bucket"]),
        time_zone=asked["time_zone"],
        week_start=Weekday(asked["week_start"]),
        dimension=asked["dimension"],
        top=asked["top"],
        compare=None if compare is None else Comparison(compare),
    )


def _shown(report: _Report) -> RenderableType:
    own = report.freshness
    until = "no change yet" if own.as_of is None else f"{own.as_of:%Y-%m-%d %H:%M:%S} UTC"
    return Group(
        report_table(report.table()), Text(f"{own.source.value}, {own.state}, as of {until}", style="dim")
    )
