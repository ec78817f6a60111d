"""What the counters by dimension answer, and what they must leave to the aggregation."""

from typing import Any

import pytest

from docustore.analytics.query.cube_plan import CubeRefusedError, cube_plan
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
