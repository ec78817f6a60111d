"""What the counters by dimension answer, and what they must leave to the aggregation."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.slots import slot_of
from docustore.analytics.query.cube_plan import CubeRefusedError, bucket_start, cube_plan, intervals_of
from docustore.analytics.query.model import QueryInput


def query(**parts: Any) -> QueryInput:
    return QueryInput.model_validate({"metrics": ["users"], **parts})


def only(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"metrics": ["average_age_days"]}, "no sum for average_age_days"),
        ({"dimensions": ["status", "role"]}, "one dimension at a time"),
        ({"dimensions": ["status"], "filters": [only("location", "eq", "Delft")]}, "one dimension at a time"),
        ({"metrics": ["completeness_pct"], "dimensions": ["status"]}, "one dimension at a time"),
        ({"filters": [only("profile.location", "eq", "Delft")]}, "no filters of fields"),
        ({"filters": [only("role", "eq", "admin")]}, "several values of role"),
        ({"dimensions": ["tag"], "filters": [only("tag", "ne", "vip")]}, "several values of tag"),
        ({"filters": [only("location", "eq", "other")]}, "`other`"),
        ({"time": {"since": "2026-01-01T00:07:00Z"}}, "quarter of an hour"),
        ({"time": {"until": "2026-01-01T00:15:00.001Z"}}, "quarter of an hour"),
    ],
)
def test_what_sums_cannot_tell_is_refused(parts: dict[str, Any], reason: str) -> None:
    with pytest.raises(CubeRefusedError, match=reason):
        cube_plan(query(**parts))


@pytest.mark.parametrize(
    ("filters", "accepted"),
    [
        ([], {"a", "b", "c"}),
        ([only("location", "eq", "a")], {"a"}),
        ([only("location", "in", ["a", "b"])], {"a", "b"}),
        ([only("location", "in", ["a", "b"]), only("location", "in", ["b", "c"])], {"b"}),
        ([only("location", "ne", "a")], {"b", "c"}),
        ([only("location", "not_in", ["a", "b"]), only("location", "ne", "c")], set()),
        ([only("location", "in", ["a", "b"]), only("location", "ne", "a")], {"b"}),
    ],
)
def test_filters_of_one_dimension_choose_values(filters: list[Any], accepted: set[str]) -> None:
    plan = cube_plan(query(dimensions=["location"], filters=filters))

    assert {value for value in "abc" if plan.accepts(value)} == accepted
    assert (plan.dimension, plan.is_by_value) == ("location", True)


def test_filter_without_dimension_adds_the_values_up() -> None:
    plan = cube_plan(query(filters=[only("status", "in", ["active", "inactive"])]))

    assert (plan.dimension, plan.is_by_value, plan.wanted) == ("status", False, ("active", "inactive"))


def starts(parts: dict[str, Any], first: datetime, end: datetime) -> list[str]:
    time = query(time=parts).time
    found = intervals_of(Period(first=slot_of(first), end=slot_of(end)), time)
    moments = [bucket_start(each, time) for each in found]
    return [moment.isoformat() for moment in moments if moment is not None]


def test_quarters_begin_with_their_first_month() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    first, end = datetime(2026, 2, 10, tzinfo=zone), datetime(2026, 5, 2, tzinfo=zone)

    found = starts({"bucket": "quarter", "timezone": "Europe/Amsterdam"}, first, end)

    assert list(dict.fromkeys(found)) == ["2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]


def test_clocks_that_change_by_half_an_hour_leave_hours_to_the_aggregation() -> None:
    """Lord Howe Island: its clocks change by 30 minutes."""
    first, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC)

    with pytest.raises(CubeRefusedError, match="part of an hour"):
        starts({"bucket": "hour", "timezone": "Australia/Lord_Howe"}, first, end)


def test_too_many_buckets_are_left_to_the_aggregation() -> None:
    with pytest.raises(CubeRefusedError, match="more than 5000 buckets"):
        starts({"bucket": "hour"}, datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
