"""`docustore quality`: the report, its rules, and the full check."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.quality import UserQualityEffect
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.quality_gate import unjudged_problem
from docustore.cli.quality_profile import profile, suggest
from docustore.cli.quality_trend import trend
from docustore.cli.quality_waive import unwaive, waive
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.clock import as_naive_utc, now_utc
from docustore.quality.checks import CheckTrigger, run_check
from docustore.quality.declared import rule_set
from docustore.quality.report import QualityReport, RuleFigures, RuleStatus, quality_report
from docustore.quality.violations import violations

SHOWN_USERS: Final = 10
_STYLES: Final = {
    RuleStatus.PASSED: "green",
    RuleStatus.INCOMPLETE: "yellow",
    RuleStatus.WARNING: "yellow",
    RuleStatus.FAILED: "bold red",
    RuleStatus.UNKNOWN: "dim",
    RuleStatus.WAIVED: "magenta",
}


@click.group("quality", epilog="Example: docustore quality report")
def quality() -> None:
    """Show how good the stored users are, and why."""


@command("report", example="docustore quality report --gate")
@click.option("--gate", is_flag=True, help="Exit with 1 unless every rule is known and none has failed.")
@click.option(
    "--wait-s",
    type=click.IntRange(0, 3600),
    default=60,
    help="With --gate: seconds to wait until every change is judged.",
    show_default=True,
)
async def report(invocation: Invocation, *, gate: bool, wait_s: int) -> int:
    """Show the score of each dimension and the figures of each rule."""
    rules = rule_set(invocation.settings().quality_rules)
    async with command_database(invocation) as database:
        problem = await unjudged_problem(database, timeout_s=wait_s) if gate else None
        found = await quality_report(database, rules, now=as_naive_utc(now_utc()))
    table = _report(found)
    if not gate:
        invocation.show(found, table=table)
        return DONE
    notes = [] if problem is None else [Text(problem, style="red")]
    invocation.show({**found, "problem": problem}, table=Group(table, *notes))
    blocking = {RuleStatus.FAILED, RuleStatus.UNKNOWN}
    has_failed = any(rule["status"] in blocking for rule in found["rules"])
    return FAILED if problem is not None or has_failed else DONE


@command("rules", example="docustore quality rules")
async def rules_(invocation: Invocation) -> None:
    """List the rules: what must hold, from when on it warns and fails."""
    rules = rule_set(invocation.settings().quality_rules)
    table = list_table("rule", "dimension", "severity", "must hold", "owner")
    for rule in rules.rules:
        table.add_row(rule.name, rule.dimension, rule.severity, rule.title, rule.owner)
    documents = [
        {
            "name": rule.name,
            "version": rules.ids[rule.name].partition("@")[2],
            "title": rule.title,
            "remedy": rule.remedy,
            "dimension": rule.dimension,
            "severity": rule.severity,
            "owner": rule.owner,
            "fields": rule.fields,
            "warn": rule.warn,
            "fail": rule.fail,
        }
        for rule in rules.rules
    ]
    invocation.show(documents, table=table)


@command("explain", example="docustore quality explain email_valid")
@click.argument("rule")
async def explain(invocation: Invocation, *, rule: str) -> None:
    """Show one rule: its figures, its remedy, and the first users that violate it."""
    rules = rule_set(invocation.settings().quality_rules)
    declared, rule_id = rules.named(rule)
    async with command_database(invocation) as database:
        now = as_naive_utc(now_utc())
        found = await quality_report(database, rules, now=now)
        page = await violations(database, declared, rule_id, after=None, limit=SHOWN_USERS, now=now)
    figures = next(each for each in found["rules"] if each["name"] == rule)
    users = [str(user_id) for user_id in page.user_ids]
    invocation.show({**figures, "first_users": users}, table=_explanation(figures, users))


@command("run", example="docustore quality run")
async def run(invocation: Invocation) -> int:
    """Judge all users again and compare: exit 0 equal, 1 different."""
    effect = UserQualityEffect(invocation.settings())
    async with command_database(invocation) as database:
        compare = partial(derived_difference, database, effect)
        found = await run_check(database, effect.rules, compare, trigger=CheckTrigger.CLI)
    if isinstance(found, str):
        invocation.show({"differences": None, "problem": found}, table=Text(f"Not compared: {found}"))
        return FAILED
    lines = found["differences"] or ["Every verdict and every counter is right."]
    if found["differences"]:
        lines = [*lines, "Next step: docustore changes rebuild user_quality"]
    invocation.show({**found, "problem": None}, table=Text("\n".join(lines)))
    return FAILED if found["differences"] else DONE


for _command in (report, rules_, explain, run, trend, waive, unwaive, profile, suggest):
    quality.add_command(_command)


def _report(found: QualityReport) -> RenderableType:
    scores: Table = list_table("dimension", "score")
    scores.add_row("overall", _score(found["score"]), style="bold")
    for dimension, score in found["dimensions"].items():
        scores.add_row(dimension, _score(score))
    table = list_table("rule", "status", "violated", "%", "of users")
    for rule in found["rules"]:
        percent = "" if rule["violated_pct"] is None else f"{rule['violated_pct']:.2f}"
        status = Text(rule["status"], style=_STYLES[rule["status"]])
        table.add_row(rule["name"], status, f"{rule['violated']:,}", percent, f"{rule['applicable']:,}")
    as_of = found["as_of"]
    until = "no change yet" if as_of is None else f"{as_of:%Y-%m-%d %H:%M:%S} UTC"
    state = Text(f"{found['users']:,} users, {found['state']}, as of {until}; {_last_check(found)}", style="dim")
    notes = [Text(note, style="yellow") for rule in found["rules"] for note in _notes(rule)]
    return Group(scores, Text(), table, *notes, state)


def _last_check(found: QualityReport) -> str:
    check = found["last_check"]
    if check is None:
        return "no full check yet"
    result = f"{len(check['differences'])} differences" if check["differences"] else "no difference"
    return f"full check of {check['at']:%Y-%m-%d %H:%M} UTC: {result}"


def _notes(rule: RuleFigures) -> Iterator[str]:
    if (building := rule["building"]) is not None:
        judged = f"{building['users']:,} users are judged by the new version {building['version']}"
        yield f"{rule['name']} is being judged: {judged}; shown is {rule['version']}"
    if (waiver := rule["waiver"]) is not None:
        until = f"{waiver['until']:%Y-%m-%d %H:%M} UTC"
        yield f"{rule['name']} is waived until {until} by {waiver['by']} ({waiver['status']}): {waiver['reason']}"
    if (anomaly := rule["anomaly"]) is not None and anomaly["is_anomalous"]:
        usual = f"{anomaly['median']:.2f} %"
        yield f"{rule['name']} is unusual: {anomaly['value']:.2f} % of its users; usual for this hour is {usual}"


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"


def _explanation(figures: RuleFigures, users: list[str]) -> RenderableType:
    lines: list[tuple[str, Any]] = [
        ("must hold", figures["title"]),
        ("remedy", figures["remedy"]),
        ("status", figures["status"]),
        ("violated", f"{figures['violated']:,} of {figures['applicable']:,} users"),
        ("not evaluated", f"{figures['not_evaluated']:,}"),
        ("not concerned", f"{figures['inapplicable']:,}"),
        ("owner", figures["owner"] or "none"),
        ("version", figures["version"]),
        *(("note", note) for note in _notes(figures)),
        ("first users", "\n".join(users) or "none"),
    ]
    table = Table(show_header=False, box=None)
    for name, value in lines:
        table.add_row(Text(name, style="bold"), str(value))
    return table
