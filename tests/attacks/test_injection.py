"""Operators, paths and code of the database in the values of clients."""

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
]


@pytest.mark.parametrize(
    "query",
    [
        "status[$ne]=active",
        "status=%7B%22$ne%22:null%7D",
        "role[$gt]=",
        "tag=$where",
        "location[$regex]=.*",
        "created_at[$gte]=1970-01-01T00:00:00Z",
        "sort=$natural",
        "sort=password_hash",
    ],
)
async def test_operator_in_a_query_finds_no_user(api: Client, query: str) -> None:
    await create(api)

    response = await api.get(f"/users?{query}")

    assert response.status_code == 400 or response.json()["items"] == []


@pytest.mark.parametrize("term", ["$ne", '{"$gt":""}', ".*", "^", "a|b", "(?i)a", "\\", "[", "$where"])
async def test_pattern_in_a_search_is_text(api: Client, term: str) -> None:
    """`b` would match as a pattern."""
    await create(api, first_name="b")

    response = await api.get("/users/search", params={"q": term})

    assert response.status_code in {200, 400}
    found = [user["first_name"] for user in response.json().get("users", [])]
    assert found == [] or term == "a|b"


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("field", ["email", "first_name", "status", "profile", "roles", "password"])
async def test_operator_in_a_body_is_refused(api: Client, database: Database, field: str, operator: Any) -> None:
    user = await create(api)
    value = [operator] if field == "roles" else operator

    created = await api.post("/users", json={"email": "eve@example.org", field: value})
    patched = await api.patch(f"/users/{user['id']}", json={field: value}, headers={"if-match": "*"})

    assert created.status_code == 422
    # In a merge patch, null removes an operator that is not there.
    assert patched.status_code == 422 or operator == {"$ne": None}
    assert await database["users"].count_documents({}) == 1
    assert (await api.get(f"/users/{user['id']}")).json() == user


@pytest.mark.parametrize(
    "path", ["/$set", "/profile/$where", "/roles/$[]", "/__proto__", "/password_hash", "/_id", "/"]
)
async def test_path_of_a_json_patch_reaches_no_other_field(api: Client, path: str) -> None:
    user = await create(api)
    patch = [{"op": "add", "path": path, "value": "x"}]
    headers = {"if-match": "*", "content-type": "application/json-patch+json"}

    response = await api.request("PATCH", f"/users/{user['id']}", json=patch, headers=headers)

    assert response.status_code == 422
    assert (await api.get(f"/users/{user['id']}")).json() == user


@pytest.mark.parametrize("user_id", ["$ne", "%7B%22$ne%22%3Anull%7D", "..%2Fetl%2Fruns", "%00", "0" * 5000])
async def test_operator_as_an_id_is_404(api: Client, user_id: str) -> None:
    assert (await api.get(f"/users/{user_id}")).status_code == 404
