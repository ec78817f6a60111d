"""Find what is wrong with the quality, and what is well again.

Kinds: a rule fails, a rule is unusual for the hour of the week, the kept figures differ from the users. A rule
that is not known says neither: its incident stays as it is. A waived rule has no incident.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from docustore.clock import as_naive_utc
from docustore.database import Database
from docustore.etl.incidents import IncidentKind, open_incidents
from docustore.quality.checks import CheckView
from docustore.quality.report import AnomalyView, RuleFigures, RuleStatus, quality_report
from docustore.quality.stored import USER_QUALITY
from docustore.quality.verdict import RuleSet
from docustore.quality_watch.groups import Problem, close_group, open_group, settled, unsettle

SETTLE: Final = timedelta(minutes=10)

_WELL: Final = frozenset({RuleStatus.PASSED, RuleStatus.INCOMPLETE, RuleStatus.WARNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look has found of one kind.

    `problems` are wrong, `well` are not. `kept` are neither: nothing is known of them. The incident of any other
    subject ends silently, such as that of a waived rule.
    """

    problems: Mapping[str, Problem]
    well: frozenset[str]
    kept: frozenset[str]


async def watch_quality(
    database: Database, rules: RuleSet, *, now: datetime, is_told: bool, settle: timedelta = SETTLE
) -> None:
    """Open and close the incidents of the quality.

    Args:
        now: Aware.
        is_told: Someone receives alerts.
        settle: A rule has recovered if it has not failed for so long.
    """
    report = await quality_report(database, rules, now=as_naive_utc(now))
    found = {
        IncidentKind.RULE_FAILED: failures(report["rules"]),
        IncidentKind.RULE_UNUSUAL: anomalies(report["rules"]),
        IncidentKind.QUALITY_DIFFERS: difference(report["last_check"]),
    }
    for kind, finding in found.items():
        await open_group(database, kind, list(finding.problems.values()), at=now, is_told=is_told)
        over = [
            incident
            for incident in await open_incidents(database, [kind])
            if incident["source"] not in finding.problems and incident["source"] not in finding.kept
        ]
        await unsettle(database, kind, list(finding.problems))
        well = [incident for incident in over if incident["source"] in finding.well]
        # The other kinds change once an hour or a night.
        after = settle if kind is IncidentKind.RULE_FAILED else timedelta(0)
        recovered = await settled(database, well, at=now, after=after)
        await close_group(database, recovered, at=now, is_told=is_told)
        others = [incident for incident in over if incident["source"] not in finding.well]
        await close_group(database, others, at=now, is_told=False)


def failures(rules: list[RuleFigures]) -> Finding:
    """Find the rules that fail. Pure."""
    return Finding(
        problems={each["name"]: _failure(each) for each in rules if each["status"] is RuleStatus.FAILED},
        well=frozenset(each["name"] for each in rules if each["status"] in _WELL),
        kept=frozenset(each["name"] for each in rules if each["status"] is RuleStatus.UNKNOWN),
    )


def anomalies(rules: list[RuleFigures]) -> Finding:
    """Find the rules whose figures of the last stored hour are unusual. Pure."""
    watched = [each for each in rules if each["status"] is not RuleStatus.WAIVED]
    judged = [(each, each["anomaly"]) for each in watched if each["anomaly"] is not None]
    return Finding(
        problems={rule["name"]: _anomaly(rule, found) for rule, found in judged if found["is_anomalous"]},
        well=frozenset(rule["name"] for rule, found in judged if not found["is_anomalous"]),
        kept=frozenset(each["name"] for each in watched if each["anomaly"] is None),
    )


def difference(check: CheckView | None) -> Finding:
    """Find what the last full check has found. Pure."""
    subject = frozenset({USER_QUALITY})
    if check is None:
        return Finding(problems={}, well=frozenset(), kept=subject)
    if not check["differences"]:
        return Finding(problems={}, well=subject, kept=frozenset())
    problem = Problem(
        subject=USER_QUALITY,
        sentence="; ".join(check["differences"]),
        facts={
            "differences": len(check["differences"]),
            "first": check["differences"][0],
            "next_step": f"run `docustore changes rebuild {USER_QUALITY}`",
        },
    )
    return Finding(problems={USER_QUALITY: problem}, well=frozenset(), kept=frozenset())


def _failure(rule: RuleFigures) -> Problem:
    sentence = f"{rule['violated']:,} of {rule['applicable']:,} users violate it ({rule['violated_pct'] or 0:g} %)"
    return Problem(
        subject=rule["name"],
        owner=rule["owner"],
        sentence=f"{sentence}; {rule['remedy']}",
        facts={"violated": rule["violated"], "applicable": rule["applicable"], "next_step": rule["remedy"]},
    )


def _anomaly(rule: RuleFigures, anomaly: AnomalyView) -> Problem:
    sentence = f"{anomaly['value']:g} % of the users violate it; usual for this hour is {anomaly['median']:g} %"
    return Problem(
        subject=rule["name"],
        owner=rule["owner"],
        sentence=sentence,
        facts={
            "violated_pct": anomaly["value"],
            "usual_pct": anomaly["median"],
            "next_step": f"run `docustore quality trend --rule {rule['name']}`",
        },
    )
