"""The check of a finished pipeline refuses what no query may have."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.query.allowed import ForbiddenPipelineError, require_allowed
from docustore.analytics.query.compile import compile_query
from docustore.analytics.query.fields import FILTER_FIELDS, OPERATORS, FieldKind, Operator
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import Bucket, QueryInput

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TIME = "2026-01-01T00:00:00Z"


def compiled(**parts: Any) -> list[dict[str, Any]]:
    return compile_query(QueryInput.model_validate({"metrics": list(METRICS), **parts}), now=NOW).pipeline


def value_of(kind: FieldKind, operator: Operator) -> Any:
    if operator is Operator.EXISTS or kind is FieldKind.FLAG:
        return True
    if kind is FieldKind.TIME:
        return TIME
    return ["$where", "b"] if operator in {Operator.IN, Operator.NOT_IN} else "$where"


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("bucket", [None, *Bucket])
def test_every_dimension_and_bucket_is_allowed(name: str, bucket: Bucket | None) -> None:
    time = {"since": TIME, "bucket": bucket, "timezone": "Asia/Kathmandu"}

    require_allowed(compiled(dimensions=[name], time=time))


@pytest.mark.parametrize(
    ("field", "operator"), [(name, each) for name, kind in FILTER_FIELDS.items() for each in OPERATORS[kind]]
)
def test_every_filter_is_allowed(field: str, operator: Operator) -> None:
    value = value_of(FILTER_FIELDS[field], operator)

    require_allowed(compiled(filters=[{"field": field, "op": operator, "value": value}]))


@pytest.mark.parametrize(
    "stage",
    [
        {"$out": "users"},
        {"$merge": {"into": "users"}},
        {"$lookup": {"from": "api_keys", "localField": "a", "foreignField": "b", "as": "c"}},
        {"$unionWith": {"coll": "api_keys", "pipeline": []}},
        {"$unionWith": {"coll": "user_analytics", "pipeline": [{"$lookup": {}}]}},
        {"$unionWith": {"coll": "user_analytics", "pipeline": [{"$match": {"$where": "1"}}]}},
        {"$unionWith": {"coll": "user_analytics", "pipeline": [], "as": "x"}},
        {"$facet": {"a": []}},
        {"$graphLookup": {}},
        {"$currentOp": {}},
        {"$match": {}, "$out": "users"},
        {"$match": {"$where": "sleep(1000)"}},
        {"$match": {"$and": [{"$or": [{"$where": "1"}]}]}},
        {"$match": {"$expr": {"$function": {"body": "return 1", "args": [], "lang": "js"}}}},
        {"$match": {"status": {"$eq": {"$ne": None}}}},
        {"$match": {"status": {"$in": [{"$gt": ""}]}}},
        {"$match": {"status": {"$not": {"$eq": "a"}}}},
        {"$match": {"tags": {"$not": "a"}}},
        {"$match": {"tags": {"$not": {"$elemMatch": {"$where": "1"}}}}},
        {"$match": {"tags": {"$elemMatch": {"$elemMatch": {"$eq": "a"}}}}},
        {"$match": {"tags": {"$elemMatch": {"password_hash": {"$eq": "a"}}}}},
        {"$match": {"tags": {"$elemMatch": "a"}}},
        {"$match": {"password_hash": {"$eq": "x"}}},
        {"$match": {"$expr": {"$eq": ["$password_hash", "x"]}}},
        {"$project": {"d_status": "$password_hash"}},
        {"$project": {"password_hash": 1}},
        {"$set": {"d_status": "$$ROOT"}},
        {"$set": {"d_status": {"$cond": [True, {"$let": {"vars": {"a": "$$CURRENT"}, "in": "$$a"}}, 1]}}},
        {"$group": {"_id": None, "all": {"$accumulator": {}}}},
        {"$group": {"_id": None, "all": {"$push": "$email"}}},
        {"$unwind": "$password_hash"},
        {"$sort": {"_id.bucket": {"$meta": "textScore"}}},
        {"$limit": {"$literal": 5}},
    ],
)
def test_anything_else_is_refused(stage: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenPipelineError):
        require_allowed([stage])
