"""Hostile questions.

Operators, fields and expressions of the database, and bodies without end.
"""

from typing import Any

import pytest

from docustore.database import Database
from tests.integration.api.conftest import Client, create

OPERATORS: list[Any] = [
    {"$ne": None},
    {"$gt": ""},
    {"$regex": ".*"},
    {"$where": "sleep(1000)"},
    {"$function": {"body": "return 1", "args": [], "lang": "js"}},
    [{"$gt": ""}],
    None,
    5,
]


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


def body(**parts: Any) -> dict[str, Any]:
    return {"metrics": ["users"], **parts}


@pytest.mark.parametrize("value", OPERATORS)
@pytest.mark.parametrize("op", ["eq", "in", "prefix", "gte", "exists"])
async def test_operator_in_a_value_is_refused(api: Client, op: str, value: Any) -> None:
    field = "created_at" if op == "gte" else "email"

    response = await api.post("/analytics/query", json=body(filters=[{"field": field, "op": op, "value": value}]))

    assert response.status_code == 422


@pytest.mark.parametrize(
    "parts",
    [
        {"pipeline": [{"$out": "users"}]},
        {"$where": "1"},
        {"__proto__": {}},
        {"metrics": ["$password_hash"]},
        {"dimensions": ["password_hash"]},
        {"dimensions": ["status.$where"]},
        {"filters": [{"field": "password_hash", "op": "exists", "value": True}]},
        {"filters": [{"field": "identities.values", "op": "exists", "value": True}]},
        {"filters": [{"field": "$expr", "op": "eq", "value": "x"}]},
        {"filters": [{"field": "status", "op": "$where", "value": "x"}]},
        {"filters": [{"field": "status", "op": "in", "value": ["x"] * 100_000}]},
        {"filters": [{"field": "status", "op": "eq", "value": "x"}] * 5000},
        {"filters": [{"field": "status", "op": "eq", "value": "x" * 500_000}]},
        {"filters": [{"field": "status", "op": "eq", "value": nested(500)}]},
        {"filters": nested(500)},
        {"metrics": ["users"] * 50_000},
        {"order": [{"by": "$natural"}]},
        {"time": {"timezone": "$$ROOT", "bucket": "day"}},
        {"time": {"timezone": {"$literal": "UTC"}}},
        {"limit": 10**30},
        {"limit": True},
        {"time": {"since": "0001-01-01T00:00:00+23:59", "until": {"$gt": ""}}},
    ],
    ids=lambda parts: str(parts)[:40],
)
async def test_hostile_question_is_refused(api: Client, parts: dict[str, Any]) -> None:
    response = await api.post("/analytics/query", json={**body(), **parts})

    assert response.status_code == 422, response.text


@pytest.mark.parametrize(
    "prefix", [".*", "^", "a|b", "(?i)a", "\\", "[", "$", "a{1000000}", "(a+)+$", "\\Q", "#", "\n"]
)
async def test_pattern_in_a_prefix_is_text(api: Client, prefix: str) -> None:
    """`b` would match as a pattern; the name that begins with the text does."""
    await create(api, first_name="b")
    await create(api, email="own@example.org", first_name=f"{prefix}x" if prefix.strip() else "x")
    wanted = [{"field": "first_name", "op": "prefix", "value": prefix}]

    response = await api.post("/analytics/query", json=body(filters=wanted))

    assert response.json()["rows"] == [[1 if prefix.strip() else 0]]


@pytest.mark.parametrize("word", ["$status", "$$ROOT", "$where", "none", "a.$b"])
async def test_value_that_looks_like_an_expression_is_text(api: Client, word: str) -> None:
    await create(api, roles=[word], profile={"location": word})
    await create(api, email="other@example.org")
    wanted = [
        {"field": "roles", "op": "eq", "value": word},
        {"field": "role", "op": "in", "value": [word]},
        {"field": "location", "op": "eq", "value": word},
        {"field": "profile.location", "op": "prefix", "value": word},
    ]

    response = await api.post("/analytics/query", json=body(filters=wanted, dimensions=["role"]))

    assert response.json()["rows"] == [[word, 1]]


async def test_question_writes_nothing(api: Client, database: Database) -> None:
    await create(api)
    before = await database["users"].find({}).to_list(), sorted(await database.list_collection_names())

    for explain in (True, False):
        asked = body(dimensions=["role", "source"], explain=explain, exact=True)
        assert (await api.post("/analytics/query", json=asked)).status_code == 200

    assert (await database["users"].find({}).to_list(), sorted(await database.list_collection_names())) == before
