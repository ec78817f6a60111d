"""The report of data quality, from the counters only."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypedDict

from docustore.database import Database, Document
from docustore.effect_states import BuildState
from docustore.quality.checks import CheckView
from docustore.quality.percent import percent_of
from docustore.quality.rules import Dimension, NotOlderThan, Rule, RuleLabels, Severity
from docustore.quality.stored import USER_QUALITY, last_day, read_counts
from docustore.quality.stored_report import StoredReport, read_report
from docustore.quality.verdict import RuleSet
from docustore.quality.versions import Counted, Shown, shown_version
from docustore.quality.waivers import Waiver

_WEIGHTS: Final = {Severity.ERROR.value: 3.0, Severity.WARNING.value: 2.0, Severity.INFO.value: 1.0}


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


class RuleFigures(RuleLabels):
    """One rule and its figures.

    `users` were judged by this `version` of the rule. Of these it does not concern `inapplicable`, and
    `not_evaluated` could not be judged. The others are `applicable`; `violated` is a part of them, in per cent
    `violated_pct`, which is null where the rule concerns no user. `anomaly` is null with too little history.
    `building` is null unless another version of the rule is declared.
    """

    version: str
    status: RuleStatus
    users: int
    applicable: int
    violated: int
    violated_pct: float | None
    not_evaluated: int
    inapplicable: int
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
        rule_id: now - timedelta(days=rule.check.days)
        for rule, rule_id in rules.identified
        if isinstance(rule.check, NotOlderThan)
    }
    stored = await read_report(database, cutoffs, now=now.replace(tzinfo=UTC))
    shown = {
        rule_id: shown_version(rule.name, rule_id, stored.counted, is_clock=rule_id in cutoffs)
        for rule, rule_id in rules.identified
    }
    too_old = {
        rule_id: await _too_old(database, shown[rule_id], stored, cutoff) for rule_id, cutoff in cutoffs.items()
    }
    state, counted = stored.state, stored.counted
    # During the first build, the counters are those of the users so far.
    is_kept = state is not None and state.live_version is not None and state.state is not BuildState.FAILED
    figures = [
        _figures(
            rule,
            rule_id,
            labels,
            shown=shown[rule_id],
            stored=stored,
            too_old=too_old.get(rule_id),
            is_kept=is_kept,
        )
        for (rule, rule_id), labels in zip(rules.identified, rules.labels, strict=True)
    ]
    return {
        "state": "absent" if state is None else state.state.value,
        "as_of": None if state is None else state.as_of,
        "users": counted.users,
        "score": _score(figures),
        "dimensions": _by_dimension(figures),
        "rules": figures,
        "last_check": stored.check,
    }


def judged_status(figures: RuleFigures) -> RuleStatus:
    """Return the status of a rule as if it were not waived."""
    return figures["status"] if figures["waiver"] is None else figures["waiver"]["status"]


def _with_waiver(figures: RuleFigures, waiver: Waiver) -> RuleFigures:
    shown: WaivedView = {**waiver, "status": figures["status"]}
    return {**figures, "status": RuleStatus.WAIVED, "waiver": shown}


def _anomaly(figures: RuleFigures, hour: Document) -> AnomalyView | None:
    stored = hour["rules"].get(figures["name"])
    if stored is None or stored["version"] != figures["version"] or stored["anomaly"] is None:
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


def _figures(
    rule: Rule,
    rule_id: str,
    labels: RuleLabels,
    *,
    shown: Shown,
    stored: StoredReport,
    too_old: int | None,
    is_kept: bool,
) -> RuleFigures:
    get = shown.figures.get
    users, skipped, inapplicable = get("users", 0), get("skipped", 0), get("inapplicable", 0)
    violated = get("violated", 0) if too_old is None else too_old
    applicable = users - skipped - inapplicable
    is_known = is_kept and shown.is_complete
    figures: RuleFigures = {
        **labels,
        "version": shown.rule_id[len(rule.name) + 1 :],
        "status": status_of(rule, violated=violated, applicable=applicable, skipped=skipped, is_known=is_known),
        "users": users,
        "applicable": applicable,
        "violated": violated,
        "violated_pct": percent_of(violated / applicable) if applicable else None,
        "not_evaluated": skipped,
        "inapplicable": inapplicable,
        "building": _building(rule_id, shown, stored.counted),
        "waiver": None,
        "anomaly": None,
    }
    if stored.hour is not None:
        figures["anomaly"] = _anomaly(figures, stored.hour)
    waiver = stored.waivers.get(rule.name)
    return figures if waiver is None else _with_waiver(figures, waiver)


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


async def _too_old(database: Database, shown: Shown, stored: StoredReport, cutoff: datetime) -> int:
    """Count the users whose time is before the cut-off.

    Whole quarter hours come from the counters, the last one from the index. A kept copy has the number of its own
    time.
    """
    if shown.kept_at is not None:
        return shown.figures["violated"]
    times, of_last_slot = stored.counted.times(shown.rule_id, cutoff), stored.last_slots.get(shown.rule_id)
    if of_last_slot is not None and times.is_by_slot(cutoff):
        return times.before_slot(cutoff) + of_last_slot
    # An older version of the rule is shown, or an older release has counted users: both for a while only.
    of_last_day = await database[USER_QUALITY].count_documents(last_day(shown.rule_id, cutoff))
    counted = await read_counts(database)
    return counted.times(shown.rule_id, cutoff).before_day(cutoff) + of_last_day


def _by_dimension(figures: list[RuleFigures]) -> dict[str, float | None]:
    rules: dict[str, list[RuleFigures]] = {dimension.value: [] for dimension in Dimension}
    for each in figures:
        rules[each["dimension"]].append(each)
    return {dimension: _score(own) for dimension, own in rules.items()}


def _score(figures: list[RuleFigures]) -> float | None:
    weights, lost = 0.0, 0.0
    for each in figures:
        applicable = each["applicable"]
        if applicable and each["status"] is not RuleStatus.UNKNOWN:
            weight = _WEIGHTS[each["severity"]]
            weights += weight
            lost += weight * each["violated"] / applicable
    return percent_of(1 - lost / weights) if weights else None
