"""Keep the figures of every hour, and read them as a trend.

Any worker stores the hour that it is now by the server's clock, once. Hours of old days become one document for
each day. A killed worker leaves nothing half: the document of an hour is one insert, and the hours of a day go
only when the day is stored.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypedDict

import structlog
from pymongo.errors import DuplicateKeyError

from docustore.clock import EARLIEST, as_naive_utc
from docustore.database import Database
from docustore.errors import FieldError, InvalidQueryError
from docustore.quality.anomaly import hours_before
from docustore.quality.hours import (
    WIDTH,
    Bucket,
    Stored,
    Subject,
    TrendPoint,
    begin_of,
    buckets,
    day_document,
    hour_document,
    point_of,
    report_id,
)
from docustore.quality.report import quality_report
from docustore.quality.rules import Dimension, NotOlderThan
from docustore.quality.stored import REPORTS, server_time
from docustore.quality.verdict import RuleSet

log: Final = structlog.get_logger()

# Three months of hours, five years of days.
MAX_POINTS: Final = 2200
# So many of a backlog are compacted at a time.
DAYS_PER_CALL: Final = 31
DEFAULT_SPAN: Final[Mapping[Bucket, timedelta]] = {Bucket.HOUR: timedelta(days=7), Bucket.DAY: timedelta(days=90)}


class QualityTrend(TypedDict):
    """The figures of one subject over time, oldest first, without holes in the time.

    Hours of old days are stored as days only: ask for the bucket `day` there.
    """

    subject: Subject
    bucket: Bucket
    since: datetime
    until: datetime
    points: list[TrendPoint]


async def keep_hour(database: Database, rules: RuleSet) -> bool:
    """Store the figures of this hour, unless they are stored or not known.

    Idempotent. Returns whether this call stored them.
    """
    now = await server_time(database)
    at = begin_of(now, Bucket.HOUR)
    if await database[REPORTS].find_one({"_id": report_id(Bucket.HOUR, at)}, {"_id": 1}) is not None:
        return False
    report = await quality_report(database, rules, now=as_naive_utc(now))
    past = {"_id": {"$in": [report_id(Bucket.HOUR, each) for each in hours_before(at)]}}
    earlier = await database[REPORTS].find(past, {"rules": 1}).to_list()
    directions = {rule.name: rule.anomaly for rule in rules.rules}
    days = {rule.name: rule.check.days for rule in rules.rules if isinstance(rule.check, NotOlderThan)}
    document = hour_document(at, report, earlier, directions, days=days)
    if document is None:
        # A gap, unless the figures become known within the hour.
        return False
    try:
        await database[REPORTS].insert_one(document)
    except DuplicateKeyError:
        return False
    return True


async def compact_hours(database: Database, *, kept_days: int) -> int:
    """Turn the hours of old days into one document for each day.

    Returns the number of days. Idempotent; safe beside other workers.

    Args:
        kept_days: The hours of as many whole days before today stay.
    """
    limit = begin_of(await server_time(database), Bucket.DAY) - timedelta(days=kept_days)
    for number in range(DAYS_PER_CALL):
        old = {"bucket": Bucket.HOUR.value, "at": {"$lt": limit}}
        oldest = await database[REPORTS].find_one(old, {"at": 1}, sort=[("at", 1)])
        if oldest is None:
            return number
        await _compact_day(database, begin_of(oldest["at"], Bucket.DAY))
    return DAYS_PER_CALL


async def _compact_day(database: Database, day: datetime) -> None:
    own = {"bucket": Bucket.HOUR.value, "at": {"$gte": day, "$lt": day + WIDTH[Bucket.DAY]}}
    hours = await database[REPORTS].find(own, sort=[("at", 1)]).to_list()
    if not hours:
        return
    # The first one counts: after a crash below, a part of the hours is missing.
    made = day_document(day, hours)
    name = made.pop("_id")
    await database[REPORTS].update_one({"_id": name}, {"$setOnInsert": made}, upsert=True)
    await database[REPORTS].delete_many(own)


def subject_of(rules: RuleSet, *, rule: str | None, dimension: Dimension | None) -> Subject:
    """Choose what a trend is about.

    Raises:
        InvalidQueryError: Both are given, or there is no such rule.
    """
    if rule is not None and dimension is not None:
        raise _refused("dimension", "not_together", "give a rule or a dimension, not both")
    if dimension is not None:
        return {"kind": "dimension", "name": dimension.value}
    if rule is None:
        return {"kind": "overall", "name": ""}
    if rules.find(rule) is None:
        raise _refused("rule", "unknown", f"use one of {', '.join(rules.ids)}")
    return {"kind": "rule", "name": rule}


async def quality_trend(
    database: Database,
    subject: Subject,
    *,
    bucket: Bucket,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
) -> QualityTrend:
    """Read the trend of a subject; the cost depends on the number of points only.

    Args:
        since: None is seven days of hours, or 90 days, before `until`.
        until: None is `now`.

    Raises:
        InvalidQueryError: The range is empty, or has too many points.
    """
    end = until or now
    span = DEFAULT_SPAN[bucket]
    start = begin_of((since or max(end, EARLIEST + span) - span).astimezone(UTC), bucket)
    if start >= end:
        raise _refused("from", "range_empty", "`from` must be before `to`")
    if (end - start) / WIDTH[bucket] > MAX_POINTS:
        problem = f"the range has more than {MAX_POINTS:,} points: use the bucket day, or a shorter range"
        raise _refused("from", "range_too_long", problem)
    stored = await _stored(database, subject, bucket, start, end)
    points = [
        point_of(at, stored.get(at), subject, is_partial=at + WIDTH[bucket] > now)
        for at in buckets(start, end, bucket)
    ]
    return {"subject": subject, "bucket": bucket, "since": start, "until": end, "points": points}


async def _stored(
    database: Database, subject: Subject, bucket: Bucket, start: datetime, end: datetime
) -> dict[datetime, Stored]:
    # The hours of a day until its end: a day is not cut by `to`.
    last = begin_of(end - timedelta(microseconds=1), bucket) + WIDTH[bucket]
    fields = {"at": 1, "hours": 1, **_projection(subject)}
    span = {"$gte": start, "$lt": last}
    hours = database[REPORTS].find({"bucket": Bucket.HOUR.value, "at": span}, fields, sort=[("at", 1)])
    found = await hours.to_list()
    if bucket is Bucket.HOUR:
        return {each["at"]: each for each in found}
    days = {day: day_document(day, list(own)) for day, own in groupby(found, key=_day_of)}
    # A stored day counts over what is left of its hours.
    compacted = database[REPORTS].find({"bucket": Bucket.DAY.value, "at": span}, fields)
    return days | {each["at"]: each async for each in compacted}


def _day_of(hour: Stored) -> datetime:
    return begin_of(hour["at"], Bucket.DAY)


def _projection(subject: Subject) -> dict[str, Any]:
    match subject["kind"]:
        case "rule":
            return {f"rules.{subject['name']}": 1}
        case "dimension":
            return {f"dimensions.{subject['name']}": 1, f"lowest_dimensions.{subject['name']}": 1}
        case _:
            return {"score": 1, "lowest": 1}


def scores_of(points: Sequence[TrendPoint]) -> list[float]:
    """List the known scores, oldest first."""
    return [point["score"] for point in points if point["score"] is not None]


def _refused(name: str, code: str, detail: str) -> InvalidQueryError:
    return InvalidQueryError((FieldError(pointer=f"/{name}", code=code, detail=detail),))
