"""The query language takes what it describes, and nothing else."""

from typing import Any

import pytest
from pydantic import ValidationError

from docustore.analytics.query.model import MAX_ROWS, QueryInput
from docustore.api.field_errors import field_errors

USERS = {"metrics": ["users"]}


def refused(**parts: Any) -> dict[str, str]:
    """Return the code of each error by its pointer."""
    with pytest.raises(ValidationError) as caught:
        QueryInput.model_validate({**USERS, **parts})
    return {error.pointer: error.code for error in field_errors(caught.value.errors())}


def one_filter(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"filters": [{"field": field, "op": op, "value": value}]}


def test_least_question_has_defaults() -> None:
    query = QueryInput.model_validate(USERS)

    assert (query.dimensions, query.limit, query.time.timezone, query.exact) == ([], 1000, "UTC", False)


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"metrics": []}, "/metrics"),
        ({"metrics": ["password_hash"]}, "/metrics/0"),
        ({"metrics": ["users"] * 2}, "/metrics"),
        ({"metrics": ["users"] * 1000}, "/metrics"),
        ({"dimensions": ["$where"]}, "/dimensions/0"),
        ({"dimensions": ["status", "source", "role", "tag", "theme"]}, "/dimensions"),
        ({"filters": [{"field": "status", "op": "eq", "value": "a"}] * 17}, "/filters"),
        ({"pipeline": [{"$out": "x"}]}, "/pipeline"),
        ({"limit": MAX_ROWS + 1}, "/limit"),
        ({"limit": 0}, "/limit"),
        ({"limit": "5"}, "/limit"),
        ({"exact": "yes"}, "/exact"),
        ({"time": {"bucket": "minute"}}, "/time/bucket"),
        ({"time": {"timezone": "Europe/Atlantis"}}, "/time/timezone"),
        ({"time": {"timezone": "../../etc/passwd"}}, "/time/timezone"),
        ({"time": {"since": "2026-01-01"}}, "/time/since"),
        ({"time": {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "/time"),
        ({"order": [{"by": "location"}]}, "/order"),
        ({"order": [{"by": "bucket"}]}, "/order"),
        ({"order": [{"by": "password_hash"}]}, "/order/0/by"),
    ],
)
def test_question_outside_of_the_language_is_refused(parts: dict[str, Any], pointer: str) -> None:
    assert pointer in refused(**parts)


def test_order_without_column_names_the_columns() -> None:
    with pytest.raises(ValidationError, match="location is no column of this query; use 'role' or 'users'"):
        QueryInput.model_validate({**USERS, "dimensions": ["role"], "order": [{"by": "location"}]})


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("password_hash", "eq", "x"),
        ("identities.values", "eq", "x"),
        ("$where", "eq", "x"),
        ("status", "$ne", "x"),
        ("status", "regex", "x"),
        ("status", "gte", "x"),
        ("status", "eq", {"$ne": None}),
        ("status", "eq", ["active"]),
        ("status", "in", "active"),
        ("status", "in", []),
        ("status", "in", ["a"] * 101),
        ("status", "in", [{"$gt": ""}]),
        ("email", "eq", None),
        ("email", "eq", 5),
        ("email", "eq", "x" * 501),
        ("email", "eq", "a\x00b"),
        ("email", "eq", "\ud800"),
        ("email", "prefix", ""),
        ("email", "exists", "yes"),
        ("roles", "prefix", "a"),
        ("created_at", "gte", "2026"),
        ("created_at", "gte", "2026-13-01T00:00:00Z"),
        ("created_at", "eq", "2026-01-01T00:00:00Z"),
        ("profile.preferences.notifications", "eq", "true"),
        ("profile.preferences.notifications", "in", [True]),
    ],
)
def test_hostile_filter_is_refused(field: str, op: str, value: Any) -> None:
    assert refused(**one_filter(field, op, value))


def test_error_of_a_filter_names_its_value() -> None:
    found = refused(**one_filter("created_at", "gte", "yesterday"))

    assert found == {"/filters/0/value": "not_in_language"}


def test_stored_question_is_read_again() -> None:
    """The dump of a question is a question."""
    query = QueryInput.model_validate(
        {
            **USERS,
            **one_filter("role", "in", ["admin", "editor"]),
            "time": {"since": "2026-01-01T01:00:00+01:00", "bucket": "week", "week_start": "sunday"},
            "order": [{"by": "users", "direction": "desc"}],
        }
    )

    assert QueryInput.model_validate(query.model_dump(mode="json")) == query
