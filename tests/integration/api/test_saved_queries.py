"""The routes of saved queries."""

from typing import Any

import pytest

from docustore.database import Database
from docustore.security.models import Scope
from tests.integration.api.conftest import Client, create

QUERY: dict[str, Any] = {
    "metrics": ["users"],
    "dimensions": ["status"],
    "filters": [{"field": "role", "op": "in", "value": ["admin"]}],
    "time": {"since": "2020-01-01T00:00:00Z"},
}
URL = "/analytics/queries/admins"


@pytest.fixture
async def saved(api: Client) -> Client:
    assert (await api.put(URL, json={"query": QUERY, "description": "a"})).status_code == 201
    return api


async def test_query_is_saved_read_run_and_deleted(saved: Client) -> None:
    await create(saved, roles=["admin"])
    await create(saved, email="bob@example.org")

    read, listed = await saved.get(URL), await saved.get("/analytics/queries")
    run = (await saved.post(f"{URL}/run")).json()
    explained = (await saved.post(f"{URL}/run", params={"explain": "true"})).json()
    deleted = await saved.delete(URL)

    assert (read.headers["etag"], read.json()["problems"], read.json()["query"]["metrics"]) == (
        '"1"',
        [],
        ["users"],
    )
    assert [each["name"] for each in listed.json()] == ["admins"]
    assert run["rows"] == [["active", 1]]
    assert (explained["rows"], explained["explanation"]["source"]) == ([], "pipeline")
    assert deleted.status_code == 204
    assert (await saved.get(URL)).status_code == (await saved.post(f"{URL}/run")).status_code == 404


@pytest.mark.parametrize(("if_match", "status"), [(None, 428), ('"2"', 412), ('"1"', 200), ("*", 200)])
async def test_replacement_needs_the_version(saved: Client, if_match: str | None, status: int) -> None:
    headers = {} if if_match is None else {"if-match": if_match}

    response = await saved.put(URL, json={"query": QUERY, "description": "b"}, headers=headers)

    assert response.status_code == status
    stored = (await saved.get(URL)).json()
    assert (stored["description"], stored["version"]) == (("b", 2) if status == 200 else ("a", 1))


async def test_other_key_may_not_change_a_query(saved: Client, keys: dict[Scope, str]) -> None:
    """The owner and administrators may."""
    other = {"authorization": f"Bearer {keys[Scope.ADMIN]}", "if-match": "*"}
    replaced = await saved.put(URL, json={"query": QUERY}, headers=other)
    assert (replaced.status_code, replaced.json()["owner"]) == (200, (await saved.get(URL)).json()["owner"])
    assert (await saved.put("/analytics/queries/b", json={"query": QUERY}, headers=other)).status_code == 412
    admins = {"authorization": other["authorization"]}
    assert (await saved.put("/analytics/queries/b", json={"query": QUERY}, headers=admins)).status_code == 201

    refused = await saved.put("/analytics/queries/b", json={"query": QUERY}, headers={"if-match": "*"})

    assert (refused.status_code, (await saved.delete("/analytics/queries/b")).status_code) == (403, 403)


async def test_query_of_another_version_names_its_members(saved: Client, database: Database) -> None:
    """A newer version may take a metric away; the query stays readable."""
    outdated = {"query.metrics": ["users", "karma"], "query.time": {"moon": True}}
    await database["analytics_queries"].update_one({"_id": "admins"}, {"$set": outdated})

    read, run = await saved.get(URL), await saved.post(f"{URL}/run")

    assert [problem["pointer"] for problem in read.json()["problems"]] == ["/query/metrics/1", "/query/time/moon"]
    assert (run.status_code, run.json()["errors"][0]["pointer"]) == (422, "/query/metrics/1")


async def test_changes_are_in_the_audit_log(saved: Client, database: Database) -> None:
    await saved.delete(URL)

    entries = await database["audit_log"].find({}, sort=[("at", 1), ("_id", 1)]).to_list()

    found = [(entry["action"], entry["target"]) for entry in entries]
    assert found == [("query.save", "analytics_queries/admins"), ("query.delete", "analytics_queries/admins")]


@pytest.mark.parametrize("name", ["A", "a.b", "$where", "-a", "a" * 65, "a b"])
async def test_malformed_name_is_refused(api: Client, name: str) -> None:
    response = await api.put(f"/analytics/queries/{name}", json={"query": QUERY})

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/name")
