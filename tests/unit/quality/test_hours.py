"""The stored figures of an hour and of a day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.quality.anomaly import Direction
from docustore.quality.hours import (
    Bucket,
    Subject,
    begin_of,
    buckets,
    day_document,
    hour_document,
    point_of,
    report_id,
)
from docustore.quality.report import QualityReport, RuleStatus

AT = datetime(2026, 11, 26, 19, tzinfo=UTC)
OVERALL: Subject = {"kind": "overall", "name": ""}
DIMENSION: Subject = {"kind": "dimension", "name": "validity"}
RULE: Subject = {"kind": "rule", "name": "r"}
WORSE = {"r": Direction.WORSE}


def report(violated: int = 5, *, status: str = "passed", version: str = "v1", **changed: Any) -> QualityReport:
    rule = {
        "name": "r",
        "version": version,
        "status": RuleStatus(status),
        "users": 103,
        "applicable": 100,
        "violated": violated,
        "violated_pct": float(violated),
        "not_evaluated": 3,
        "waiver": None,
        **changed,
    }
    score = 100.0 - violated
    return {  # type: ignore[typeddict-item]  # what the stored form reads
        "state": "live",
        "as_of": AT,
        "users": 103,
        "score": score,
        "dimensions": {"validity": score, "accuracy": None},
        "rules": [rule],
    }


def hour(number: int = 0, violated: int = 5, earlier: list[dict[str, Any]] | None = None, **changed: Any) -> Any:
    at = AT + timedelta(hours=number)
    return hour_document(at, report(violated, **changed), earlier or [], WORSE)


def test_hour_has_the_figures_of_the_report() -> None:
    stored = hour()

    assert stored["_id"] == "hour:2026-11-26T19"
    assert (stored["bucket"], stored["at"], stored["score"]) == ("hour", AT, 95.0)
    assert stored["rules"]["r"] == {
        "version": "v1",
        "status": "passed",
        "violated": 5,
        "applicable": 100,
        "not_evaluated": 3,
        "score": 95.0,
        "anomaly": None,
    }


def test_other_days_are_another_history() -> None:
    """A person who shortens the days of a rule of time makes more violations, and nothing unusual."""
    weeks = [hour_document(AT - timedelta(weeks=n), report(1), [], WORSE, days={"r": 365}) for n in range(1, 6)]
    past: list[Any] = [*weeks]
    # An older release has not stored them.
    older = [{**each, "rules": {"r": {**each["rules"]["r"]}}} for each in past]
    for each in older:
        del each["rules"]["r"]["days"]

    found = [
        hour_document(AT, report(90), earlier, WORSE, days={"r": days})
        for earlier, days in ((past, 365), (past, 30), (older, 30))
    ]

    anomalies = [each["rules"]["r"]["anomaly"] for each in found if each is not None]
    assert [each and each["is_anomalous"] for each in anomalies] == [True, None, True]


def test_unknown_rule_is_not_stored() -> None:
    """It would look like a measurement."""
    assert hour(status="unknown") is None


@pytest.mark.parametrize(("status", "is_stored"), [("failed", True), ("unknown", False)])
def test_waived_rule_is_stored_if_it_is_known(status: str, *, is_stored: bool) -> None:
    stored = hour(status="waived", waiver={"status": RuleStatus(status)})

    assert (stored is not None) is is_stored


def test_rule_without_users_has_no_score() -> None:
    stored = hour(0, 0, applicable=0, violated_pct=None)

    assert stored["rules"]["r"]["score"] is None
    assert stored["rules"]["r"]["anomaly"] is None


def test_hour_is_compared_with_the_same_version_only() -> None:
    earlier = [hour(-168 * week, 5) for week in range(1, 5)]

    usual, unusual = hour(0, 5, earlier), hour(0, 40, earlier)
    other = hour(0, 40, earlier, version="v2")

    assert usual["rules"]["r"]["anomaly"]["is_anomalous"] is False
    assert unusual["rules"]["r"]["anomaly"] == {
        "value": 40.0, "median": 5.0, "deviations": None, "history": 4, "is_anomalous": True,
    }  # fmt: skip
    assert other["rules"]["r"]["anomaly"] is None


def test_day_has_the_last_figures_and_the_lowest_score() -> None:
    hours = [hour(0, 5), hour(1, 30), hour(2, 10)]

    day = day_document(begin_of(AT, Bucket.DAY), hours)

    assert day["_id"] == "day:2026-11-26"
    assert (day["hours"], day["score"], day["lowest"]) == (3, 90.0, 70.0)
    assert (day["dimensions"], day["lowest_dimensions"]) == (
        {"accuracy": None, "validity": 90.0},
        {"accuracy": None, "validity": 70.0},
    )
    assert (day["rules"]["r"]["violated"], day["rules"]["r"]["lowest"]) == (10, 70.0)
    assert day["rules"]["r"]["anomaly"] is None


def test_day_keeps_the_last_known_figure() -> None:
    """An hour in which a score was not known does not erase the ones before."""
    hours = [hour(0, 5), {**hour(1, 5), "score": None, "dimensions": {}, "rules": {}}]

    day = day_document(begin_of(AT, Bucket.DAY), hours)

    assert (day["score"], day["dimensions"]["validity"], day["rules"]["r"]["violated"]) == (95.0, 95.0, 5)


def test_day_is_unusual_if_one_hour_was() -> None:
    earlier = [hour(-168 * week, 5) for week in range(1, 5)]
    hours = [hour(0, 40, earlier), {**hour(1, 5, earlier)}]

    assert day_document(AT, hours)["rules"]["r"]["anomaly"] == {"is_anomalous": True}
    assert day_document(AT, hours[1:])["rules"]["r"]["anomaly"] == {"is_anomalous": False}


@pytest.mark.parametrize("subject", [OVERALL, DIMENSION, RULE])
def test_gap_has_no_figures(subject: Subject) -> None:
    """Never 100, and never 0."""
    gap = point_of(AT, None, subject, is_partial=False)

    assert gap["hours"] == 0
    assert {value for name, value in gap.items() if name not in {"at", "hours", "is_partial"}} == {None}


def test_point_of_an_hour() -> None:
    overall, dimension, rule = (
        point_of(AT, hour(0, 5), each, is_partial=True) for each in (OVERALL, DIMENSION, RULE)
    )

    assert (overall["score"], overall["lowest"], overall["hours"], overall["violated"]) == (95.0, 95.0, 1, None)
    assert (dimension["score"], dimension["lowest"]) == (95.0, 95.0)
    assert (rule["violated"], rule["applicable"], rule["not_evaluated"]) == (5, 100, 3)
    assert (rule["version"], rule["score"], rule["lowest"]) == ("v1", 95.0, 95.0)
    assert (rule["is_anomalous"], rule["is_partial"]) == (None, True)


def test_point_of_a_day() -> None:
    day = day_document(AT, [hour(0, 30), hour(1, 5)])
    overall, dimension, rule = (point_of(AT, day, each, is_partial=False) for each in (OVERALL, DIMENSION, RULE))

    assert [(each["score"], each["lowest"], each["hours"]) for each in (overall, dimension, rule)] == [
        (95.0, 70.0, 2)
    ] * 3


def test_rule_that_is_missing_in_a_bucket_is_a_gap_of_its_own() -> None:
    other: Subject = {"kind": "rule", "name": "other"}

    point = point_of(AT, hour(), other, is_partial=False)

    assert (point["hours"], point["score"], point["violated"]) == (1, None, None)


@pytest.mark.parametrize(
    ("until", "bucket", "expected"),
    [
        (AT + timedelta(hours=2), Bucket.HOUR, 2),
        (AT + timedelta(hours=2, minutes=1), Bucket.HOUR, 3),
        (AT, Bucket.HOUR, 0),
        (AT - timedelta(days=1), Bucket.HOUR, 0),
        (AT, Bucket.DAY, 1),
        (AT + timedelta(days=1), Bucket.DAY, 2),
    ],
)
def test_buckets_cover_the_range(until: datetime, bucket: Bucket, expected: int) -> None:
    found = buckets(AT, until, bucket)

    assert len(found) == expected
    assert all(begin_of(at, bucket) == at for at in found)


def test_ids_name_the_bucket() -> None:
    assert report_id(Bucket.DAY, AT) == "day:2026-11-26"
    assert begin_of(AT.replace(minute=59, second=59, microsecond=9), Bucket.HOUR) == AT
    assert begin_of(AT, Bucket.DAY) == AT.replace(hour=0)
