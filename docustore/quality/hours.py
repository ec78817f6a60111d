"""The stored figures of an hour, and of a day made of its hours. Pure.

`quality_reports` holds one document for each hour, and one for each day whose hours were compacted:

    {_id: "hour:2026-11-26T19", bucket: "hour", at, as_of, users, score, dimensions: {validity: 99.5},
     rules: {email_valid: {version, status, violated, applicable, not_evaluated, score, anomaly}}}

A rule of time also has its `days`.
A figure that was not known is missing or null; it is never stored as 100. A day has the last known figures of its
hours, the lowest scores, and the number of its hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypedDict

from docustore.quality.anomaly import Direction, judge
from docustore.quality.percent import percent_of
from docustore.quality.report import QualityReport, RuleFigures, RuleStatus, judged_status

Stored = dict[str, Any]


class Bucket(StrEnum):
    """The width of a point of the trend; in UTC."""

    HOUR = "hour"
    DAY = "day"


WIDTH: Final[Mapping[Bucket, timedelta]] = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1)}


class Subject(TypedDict):
    """What a trend is about.

    `kind` is `overall`, `dimension` or `rule`; `name` is that of the dimension or the rule, empty for `overall`.
    """

    kind: str
    name: str


class TrendPoint(TypedDict):
    """One bucket, which begins at `at`.

    All figures are null in a gap: nothing was stored, or the rule was not known then. `lowest` is the lowest score
    of the hours of a day. The numbers of users and the version are those of a rule, at the end of the bucket.
    `is_anomalous` is null where there was too little history. `hours` is the number of stored hours, 0 in a gap.
    `is_partial` marks a bucket that has not ended.
    """

    at: datetime
    score: float | None
    lowest: float | None
    violated: int | None
    applicable: int | None
    not_evaluated: int | None
    version: str | None
    is_anomalous: bool | None
    hours: int
    is_partial: bool


def begin_of(at: datetime, bucket: Bucket) -> datetime:
    """Return the begin of the bucket that holds a time."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if bucket is Bucket.HOUR else hour.replace(hour=0)


def report_id(bucket: Bucket, at: datetime) -> str:
    """Name the document of a bucket; there is one for each."""
    return f"{bucket}:{at:%Y-%m-%dT%H}" if bucket is Bucket.HOUR else f"{bucket}:{at:%Y-%m-%d}"


def buckets(since: datetime, until: datetime, bucket: Bucket) -> list[datetime]:
    """List the begins of the buckets from the one that holds `since` to `until`."""
    first, width = begin_of(since, bucket), WIDTH[bucket]
    return [first + number * width for number in range(max(0, -((first - until) // width)))]


def hour_document(
    at: datetime,
    report: QualityReport,
    earlier: Sequence[Stored],
    directions: Mapping[str, Direction],
    *,
    days: Mapping[str, int] | None = None,
) -> Stored | None:
    """Make the document of an hour; None if no rule is known.

    Args:
        earlier: The documents of the same hour in the weeks before.
        directions: The direction of the anomalies of each rule.
        days: The accepted age in days of each rule of time.
    """
    ages = days or {}
    known = [rule for rule in report["rules"] if judged_status(rule) is not RuleStatus.UNKNOWN]
    if not known:
        return None
    return {
        "_id": report_id(Bucket.HOUR, at),
        "bucket": Bucket.HOUR.value,
        "at": at,
        "as_of": report["as_of"],
        "users": report["users"],
        "score": report["score"],
        "dimensions": dict(report["dimensions"]),
        "rules": {
            rule["name"]: _stored_rule(rule, earlier, directions[rule["name"]], days=ages.get(rule["name"]))
            for rule in known
        },
    }


def _stored_rule(
    rule: RuleFigures, earlier: Sequence[Stored], direction: Direction, *, days: int | None
) -> Stored:
    found = None
    if rule["violated_pct"] is not None:
        history = [
            100 * past["violated"] / past["applicable"]
            for document in earlier
            if (past := document["rules"].get(rule["name"])) is not None
            # Figures of another version say nothing about this one.
            and past["version"] == rule["version"]
            # Nor do those of another age, which needs no new version; older releases have not stored it.
            and past.get("days", days) == days
            and past["applicable"]
        ]
        found = judge(rule["violated_pct"], history, direction=direction)
    return {
        "version": rule["version"],
        "status": rule["status"].value,
        "violated": rule["violated"],
        "applicable": rule["applicable"],
        "not_evaluated": rule["not_evaluated"],
        "score": score_of(rule["violated"], rule["applicable"]),
        "anomaly": None if found is None else asdict(found),
        **({} if days is None else {"days": days}),
    }


def score_of(violated: int, applicable: int) -> float | None:
    """Return 100 less the percentage of violations; None without applicable users."""
    return percent_of(1 - violated / applicable) if applicable else None


def day_document(at: datetime, hours: Sequence[Stored]) -> Stored:
    """Make the document of a day from those of its hours, in their order.

    Args:
        hours: At least one; may have only some of the fields.
    """
    dimensions = {name for hour in hours for name in hour.get("dimensions", {})}
    rules = {name for hour in hours for name in hour.get("rules", {})}
    return {
        "_id": report_id(Bucket.DAY, at),
        "bucket": Bucket.DAY.value,
        "at": at,
        "hours": len(hours),
        "as_of": _last(hour.get("as_of") for hour in hours),
        "users": _last(hour.get("users") for hour in hours),
        "score": _last(hour.get("score") for hour in hours),
        "lowest": _lowest(hour.get("score") for hour in hours),
        "dimensions": {name: _last(_scores(hours, name)) for name in sorted(dimensions)},
        "lowest_dimensions": {name: _lowest(_scores(hours, name)) for name in sorted(dimensions)},
        "rules": {
            name: _day_of_rule([hour["rules"][name] for hour in hours if name in hour.get("rules", {})])
            for name in sorted(rules)
        },
    }


def _scores(hours: Sequence[Stored], dimension: str) -> list[float | None]:
    return [hour.get("dimensions", {}).get(dimension) for hour in hours]


def _day_of_rule(hours: Sequence[Stored]) -> Stored:
    judged = [hour["anomaly"]["is_anomalous"] for hour in hours if hour["anomaly"] is not None]
    return {
        **hours[-1],
        "lowest": _lowest(hour["score"] for hour in hours),
        "anomaly": {"is_anomalous": any(judged)} if judged else None,
    }


def _last(values: Iterable[Any]) -> Any:
    return next((value for value in reversed(list(values)) if value is not None), None)


def _lowest(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def point_of(at: datetime, document: Stored | None, subject: Subject, *, is_partial: bool) -> TrendPoint:
    """Read one subject from the document of a bucket; None is a gap."""
    point: TrendPoint = {
        "at": at,
        "score": None,
        "lowest": None,
        "violated": None,
        "applicable": None,
        "not_evaluated": None,
        "version": None,
        "is_anomalous": None,
        "hours": 0,
        "is_partial": is_partial,
    }
    if document is None:
        return point
    point["hours"] = document.get("hours", 1)
    if subject["kind"] == "rule":
        rule = document.get("rules", {}).get(subject["name"])
        return point if rule is None else _with_rule(point, rule)
    if subject["kind"] == "dimension":
        point["score"] = document.get("dimensions", {}).get(subject["name"])
        point["lowest"] = document.get("lowest_dimensions", {}).get(subject["name"], point["score"])
        return point
    point["score"] = document.get("score")
    point["lowest"] = document.get("lowest", point["score"])
    return point


def _with_rule(point: TrendPoint, rule: Stored) -> TrendPoint:
    anomaly = rule["anomaly"]
    return {
        **point,
        "score": rule["score"],
        "lowest": rule.get("lowest", rule["score"]),
        "violated": rule["violated"],
        "applicable": rule["applicable"],
        "not_evaluated": rule["not_evaluated"],
        "version": rule["version"],
        "is_anomalous": None if anomaly is None else anomaly["is_anomalous"],
    }
