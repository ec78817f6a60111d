"""The report of data quality, from the counters only."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypedDict

from docustore.database import Database, Document
from docustore.effect_states import BuildState
from docustore.quality.checks import CheckView
from docustore.quality.counts import users_before
from docustore.quality.rules import Dimension, NotOlderThan, Rule, Severity
from docustore.quality.stored import USER_QUALITY
from docustore.quality.stored_report import StoredReport, last_day, read_report
from docustore.quality.verdict import RuleSet
from docustore.quality.versions import Counted, Shown, shown_version
from docustore.quality.waivers import Waiver

_WEIGHTS: Final = {Severity.ERROR: 3.0, Severity.WARNING: 2.0, Severity.INFO: 1.0}


class RuleStatus(StrEnum):
    """The result of one rule.

    `unknown`: no version of the rule has judged every user yet. `incomplete`: some users could not be
    judged, and the others are within the limits. `waived`: a person accepts the result until a date.
    """

    PASSED = "passed"
    INCOMPLETE = "incomplete"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIVED = "waived"


class LimitView(TypedDict):
    """The accepted violations; null = no limit of this kind."""

    count: int | None
    percent: float | None


class WaivedView(TypedDict):
    """The waiver of a rule; `status` is what the rule would be without it."""

    until: datetime
    reason: str
    by: str
    at: datetime
    status: RuleStatus


class AnomalyView(TypedDict):
    """The percentage of violations of the last stored hour against its history.

    The history are the same hours of the weeks before. `deviations` is null if it has no spread.
    """

    at: datetime
    value: float
    median: float
    deviations: float | None
    history: int
    is_anomalous: bool


class BuildingView(TypedDict):
    """The declared version of a rule, while users are being judged by it.

    `users` were judged so far. Meanwhile the figures of the version before are shown, if they were complete:
    `shown_as_of` is their time, null while they still move.
    """

    version: str
    users: int
    shown_as_of: datetime | None


class RuleFigures(TypedDict):
    """One rule and its figures.

    `users` were judged by this `version` of the rule. Of these it does not concern `inapplicable`, and
    `not_evaluated` could not be judged. The others are `applicable`; `violated` is a part of them, in per cent
    `violated_pct`, which is null where the rule concerns no user. `anomaly` is null with too little history.
    `building` is null unless another version of the rule is declared.
    """

    name: str
    version: str
    title: str
    remedy: str
    owner: str
    dimension: str
    severity: str
    status: RuleStatus
    users: int
    applicable: int
    violated: int
    violated_pct: float | None
    not_evaluated: int
    inapplicable: int
    warn: LimitView
    fail: LimitView
    building: BuildingView | None
    waiver: WaivedView | None
    anomaly: AnomalyView | None


class QualityReport(TypedDict):
    """The quality of all users that are not deleted.

    `state` is that of the effect that judges the users; `as_of` is the time of the last change that is judged.
    Scores are from 0 to 100: 100 less the percentage of violations, weighted by severity (error 3, warning 2,
    info 1). A score is null where no rule concerns a user. Rules that are not known are in no score. `last_check`
    is the latest full check; null if there was none.
    """

    state: str
    as_of: datetime | None
    users: int
    score: float | None
    dimensions: dict[str, float | None]
    rules: list[RuleFigures]
    last_check: CheckView | None


async def quality_report(database: Database, rules: RuleSet, *, now: datetime) -> QualityReport:
    """Report on every rule; the cost does not depend on the number of users.

    Args:
        now: Naive time in UTC; the end of the ages that the rules of time look at.
    """
    cutoffs = {
        rules.ids[rule.name]: _cutoff(rule.check, now)
        for rule in rules.rules
        if isinstance(rule.check, NotOlderThan)
    }
    stored = await read_report(database, cutoffs, now=now.replace(tzinfo=UTC))
    state, counted = stored.state, stored.counted
    # During the first build, the counters are those of the users so far.
    is_kept = state is not None and state.live_version is not None and state.state is not BuildState.FAILED
    figures = [await _figures(database, rule, rules.ids[rule.name], stored, now, is_kept) for rule in rules.rules]
    return {
        "state": "absent" if state is None else state.state.value,
        "as_of": None if state is None else state.as_of,
        "users": counted.users,
        "score": _score(figures),
        "dimensions": _by_dimension(figures),
        "rules": [
            _with_waiver({**each, "anomaly": _anomaly(each, stored.hour)}, stored.waivers.get(each["name"]))
            for each in figures
        ],
        "last_check": stored.check,
    }


def judged_status(figures: RuleFigures) -> RuleStatus:
    """Return the status of a rule as if it were not waived."""
    return figures["status"] if figures["waiver"] is None else figures["waiver"]["status"]


def _with_waiver(figures: RuleFigures, waiver: Waiver | None) -> RuleFigures:
    if waiver is None:
        return figures
    shown: WaivedView = {**waiver, "status": figures["status"]}
    return {**figures, "status": RuleStatus.WAIVED, "waiver": shown}


def _anomaly(figures: RuleFigures, hour: Document | None) -> AnomalyView | None:
    stored = {} if hour is None else hour["rules"].get(figures["name"], {})
    if hour is None or stored.get("version") != figures["version"] or stored["anomaly"] is None:
        return None
    found = stored["anomaly"]
    return {
        "at": hour["at"],
        "value": found["value"],
        "median": found["median"],
        "deviations": found["deviations"],
        "history": found["history"],
        "is_anomalous": found["is_anomalous"],
    }


async def _figures(
    database: Database, rule: Rule, rule_id: str, stored: StoredReport, now: datetime, is_kept: bool
) -> RuleFigures:
    counted = stored.counted
    shown = shown_version(rule.name, rule_id, counted, is_clock=isinstance(rule.check, NotOlderThan))
    users, skipped, inapplicable = (shown.figures.get(name, 0) for name in ("users", "skipped", "inapplicable"))
    violated = shown.figures.get("violated", 0)
    if isinstance(rule.check, NotOlderThan):
        violated = await _too_old(database, shown.rule_id, stored, _cutoff(rule.check, now))
    applicable = users - skipped - inapplicable
    is_known = is_kept and shown.is_complete
    return {
        "name": rule.name,
        "version": shown.rule_id.partition("@")[2],
        "title": rule.title,
        "remedy": rule.remedy,
        "owner": rule.owner,
        "dimension": rule.dimension.value,
        "severity": rule.severity.value,
        "status": status_of(rule, violated=violated, applicable=applicable, skipped=skipped, is_known=is_known),
        "users": users,
        "applicable": applicable,
        "violated": violated,
        "violated_pct": round(100 * violated / applicable, 2) if applicable else None,
        "not_evaluated": skipped,
        "inapplicable": inapplicable,
        "warn": {"count": rule.warn.count, "percent": rule.warn.percent},
        "fail": {"count": rule.fail.count, "percent": rule.fail.percent},
        "building": _building(rule_id, shown, counted),
        "waiver": None,
        "anomaly": None,
    }


def _building(rule_id: str, shown: Shown, counted: Counted) -> BuildingView | None:
    if shown.is_complete and shown.rule_id == rule_id:
        return None
    users = counted.rules.get(rule_id, {}).get("users", 0)
    return {"version": rule_id.partition("@")[2], "users": users, "shown_as_of": shown.kept_at}


def status_of(rule: Rule, *, violated: int, applicable: int, skipped: int, is_known: bool) -> RuleStatus:
    """Compare the figures of a rule with its limits. Pure.

    A rule that concerns no user passes; one that is not evaluated for every user never does.
    """
    if not is_known:
        return RuleStatus.UNKNOWN
    if rule.fail.is_passed(violated=violated, applicable=applicable):
        return RuleStatus.FAILED
    if rule.warn.is_passed(violated=violated, applicable=applicable):
        return RuleStatus.WARNING
    return RuleStatus.INCOMPLETE if skipped else RuleStatus.PASSED


def _cutoff(check: NotOlderThan, now: datetime) -> datetime:
    return now - timedelta(days=check.days)


async def _too_old(database: Database, rule_id: str, stored: StoredReport, cutoff: datetime) -> int:
    """Count the users whose time is before the cut-off.

    Whole days come from the counters, the last day from the index.
    """
    of_last_day = stored.last_days.get(rule_id)
    if of_last_day is None:
        # An older version of the rule is shown.
        of_last_day = await database[USER_QUALITY].count_documents(last_day(rule_id, cutoff))
    return users_before(stored.counted.days, rule_id, cutoff.date()) + of_last_day


def _by_dimension(figures: list[RuleFigures]) -> dict[str, float | None]:
    rules: dict[str, list[RuleFigures]] = defaultdict(list)
    for each in figures:
        rules[each["dimension"]].append(each)
    return {dimension.value: _score(rules[dimension.value]) for dimension in Dimension}


def _score(figures: list[RuleFigures]) -> float | None:
    rated = [each for each in figures if each["applicable"] and each["status"] is not RuleStatus.UNKNOWN]
    weights = sum(_WEIGHTS[Severity(each["severity"])] for each in rated)
    if not weights:
        return None
    lost = sum(_WEIGHTS[Severity(each["severity"])] * each["violated"] / each["applicable"] for each in rated)
    return round(100 * (1 - lost / weights), 2)
