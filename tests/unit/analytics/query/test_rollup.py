"""Rows of marts have the order of the server, and none where no user counts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from docustore.analytics.query.columns import BUCKET
from docustore.analytics.query.compile import order_of
from docustore.analytics.query.day_counters import bucket_start, day_counters_refuse
from docustore.analytics.query.metrics import METRICS, Sum, shown
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.rollup import Rollup, RollupRow, rows_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def query(**parts: Any) -> QueryInput:
    return QueryInput.model_validate({"metrics": ["users"], "dimensions": ["location"], **parts})


def rows(asked: QueryInput, *found: tuple[str | None, int]) -> list[Any]:
    made = [RollupRow(key={"location": value}, sums={Sum.PRESENT: users}) for value, users in found]
    return [row["location"] for row in rows_of(Rollup(rows=made, as_of=None, lag_s=None), asked, now=NOW)]


def test_largest_comes_first_and_ties_by_value() -> None:
    assert rows(query(), ("b", 1), ("a", 1), ("c", 2)) == ["c", "a", "b"]


def test_null_comes_before_every_value_and_upper_case_before_lower() -> None:
    order = [{"by": "location", "direction": "asc"}]

    assert rows(query(order=order), ("b", 1), (None, 1), ("Z", 1), ("é", 1)) == [None, "Z", "b", "é"]


def test_descending_order_reverses_only_its_column() -> None:
    order = [{"by": "users", "direction": "desc"}]

    assert rows(query(order=order), ("b", 1), ("a", 1), ("c", 2)) == ["c", "a", "b"]


def test_group_without_users_is_no_row_and_one_more_than_the_limit_is_kept() -> None:
    assert rows(query(limit=1), ("a", 0), ("b", 1), ("c", 1), ("d", 1)) == ["b", "c"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, {"users": "desc", "location": "asc"}),
        ({"time": {"bucket": "day"}}, {"bucket": "asc", "location": "asc"}),
        ({"order": [{"by": "location", "direction": "desc"}]}, {"location": "desc"}),
        ({"order": [{"by": "users"}, {"by": "users", "direction": "desc"}]}, {"users": "asc", "location": "asc"}),
    ],
)
def test_every_row_has_its_place(parts: dict[str, Any], expected: dict[str, str]) -> None:
    assert {name: str(way) for name, way in order_of(query(**parts)).items()} == expected
    assert list(order_of(query(**parts))) == list(expected)


@pytest.mark.parametrize(
    ("bucket", "week_start", "expected"),
    [
        ("day", "monday", date(2026, 5, 20)),
        ("week", "monday", date(2026, 5, 18)),
        ("week", "sunday", date(2026, 5, 17)),
        ("week", "saturday", date(2026, 5, 16)),
        ("month", "monday", date(2026, 5, 1)),
        ("quarter", "monday", date(2026, 4, 1)),
        ("year", "monday", date(2026, 1, 1)),
    ],
)
def test_bucket_of_a_day(bucket: str, week_start: str, expected: date) -> None:
    time = query(time={"bucket": bucket, "week_start": week_start}).time

    assert bucket_start(date(2026, 5, 20), time) == datetime(
        expected.year, expected.month, expected.day, tzinfo=UTC
    )


@pytest.mark.parametrize("week_start", ["monday", "sunday", "saturday"])
def test_first_week_begins_with_the_calendar(week_start: str) -> None:
    time = query(time={"bucket": "week", "week_start": week_start}).time

    assert bucket_start(date(1, 1, 2), time) == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parts", "is_kept"),
    [
        ({"dimensions": []}, True),
        ({"dimensions": ["status"]}, True),
        ({"dimensions": ["status"], "metrics": ["average_age_days"]}, False),
        ({"dimensions": [], "metrics": ["registrations"]}, False),
        ({"dimensions": [], "time": {"bucket": "day"}}, True),
        ({"dimensions": [], "time": {"bucket": "hour"}}, False),
        ({"dimensions": [], "time": {"bucket": "day", "timezone": "Asia/Kolkata"}}, False),
        ({"dimensions": [], "time": {"since": "2026-01-01T05:30:00+05:30"}}, True),
        ({"dimensions": [], "time": {"until": "2026-01-01T00:00:00+01:00"}}, False),
        ({"dimensions": [], "filters": [{"field": "status", "op": "eq", "value": "active"}]}, False),
    ],
)
def test_counters_of_days_answer_what_they_keep(parts: dict[str, Any], is_kept: bool) -> None:
    assert (day_counters_refuse(query(**parts)) is None) is is_kept


def test_metrics_are_read_off_sums() -> None:
    registered = [NOW - timedelta(days=1), NOW - timedelta(days=2)]
    sums = {
        Sum.ALL: 3,
        Sum.PRESENT: 2,
        Sum.DATED: 2,
        Sum.REGISTERED_S: sum(int(moment.timestamp()) for moment in registered),
        Sum.FILLED: 4,
    }

    found = {name: shown(metric.value(sums, NOW.timestamp())) for name, metric in METRICS.items()}

    assert found == {
        "users": 2,
        "registrations": 3,
        "deleted": 1,
        "average_age_days": 1.5,
        "completeness_pct": 66.67,
    }


@pytest.mark.parametrize("name", ["average_age_days", "completeness_pct"])
def test_average_of_no_user_is_null(name: str) -> None:
    assert METRICS[name].value(dict.fromkeys(Sum, 0), NOW.timestamp()) is None


def test_unknown_registration_has_a_row_of_its_own() -> None:
    asked = query(dimensions=[], time={"bucket": "year"})
    made = [RollupRow(key={BUCKET: moment}, sums={Sum.PRESENT: 1}) for moment in (NOW, None)]

    found = rows_of(Rollup(rows=made, as_of=None, lag_s=None), asked, now=NOW)

    assert [row[BUCKET] for row in found] == [None, NOW]
