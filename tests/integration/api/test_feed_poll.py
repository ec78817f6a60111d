"""`GET /changes` by long poll."""

import asyncio
import json
from typing import Any

import pytest
from httpx2 import Response
from litestar import Litestar

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.history.models import HISTORY
from tests.feed_rows import commit_range
from tests.integration.api.conftest import Client, create
from tests.listening import following
from tests.waiting import until


def lines(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def test_pages_follow_each_other(api: Client, database: Database) -> None:
    await commit_range(database, 1, 7)

    pages = [await api.get(f"/changes?after={after}&limit=3") for after in (0, 3, 6, 7)]

    assert [[line["id"] for line in lines(page)] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [page.headers["last-event-id"] for page in pages] == ["3", "6", "7", "7"]


async def test_request_without_an_id_tells_the_present_one(api: Client, database: Database) -> None:
    await commit_range(database, 1, 7)

    response = await api.get("/changes")

    assert (lines(response), response.headers["last-event-id"]) == ([], "7")


async def test_request_waits_for_the_first_change(api: Client, database: Database, application: Litestar) -> None:
    await commit_range(database, 1, 2)
    waiting = asyncio.create_task(api.get("/changes?wait_s=60&after=2"))

    async def is_waiting() -> bool:
        return len(application.state.feed.readers) > 0

    await until(is_waiting)
    await commit_range(database, 3, 3)

    assert [line["id"] for line in lines(await waiting)] == [3]


async def test_header_counts_before_the_parameter(api: Client, database: Database) -> None:
    await commit_range(database, 1, 3)

    response = await api.get("/changes?after=0", headers={"last-event-id": "2"})

    assert [line["id"] for line in lines(response)] == [3]


async def test_removed_history_is_a_line(api: Client, database: Database) -> None:
    await commit_range(database, 1, 30)
    await database[HISTORY].delete_many({"_id": {"$lte": 20}})

    response = await api.get("/changes?after=5")

    assert lines(response) == [{"id": 30, "operation": "reset", "reason": "removed"}]
    assert response.headers["last-event-id"] == "30"


async def test_changes_show_what_the_user_route_shows(
    api: Client, database: Database, api_settings: Settings
) -> None:
    """Of a user, the feed shows exactly the answer of its route, and never the hash of its password."""
    async with following(database, api_settings):
        await wait_until_applied(database)
        user = await create(api, password="a long enough password", first_name="Ada")
        path = f"/users/{user['id']}"
        await api.patch(path, json={"status": "inactive"}, headers={"if-match": "*"})
        seen = (await api.get(path)).json()
        await api.delete(path, headers={"if-match": "*"})
        await api.post(f"{path}/restore")
        await database["users"].delete_one({})
        await wait_until_applied(database)

    response = await api.get(f"/changes?after=0&user_id={user['id']}")

    found = lines(response)
    assert [line["operation"] for line in found] == ["insert", "update", "delete", "restore", "delete"]
    assert found[0]["user"] == user
    assert found[1]["user"] == seen
    assert found[1]["changed"] == ["status"]
    assert found[2]["user"] is found[4]["user"] is None
    assert "password" not in response.text


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("operation=insert", [1]),
        ("operation=update,delete", [2, 3, 4]),
        ("field=roles", [1, 4]),
        ("field=status", [1, 2, 3, 4]),
        ("operation=update&field=status", [2, 3]),
        ("user_id=u2", [3]),
        ("user_id=u2&operation=insert", []),
    ],
)
async def test_filters_can_be_combined(api: Client, database: Database, query: str, ids: list[int]) -> None:
    await commit_range(database, 1, 1, operation="insert", changes={})
    await commit_range(database, 2, 2)
    await commit_range(database, 3, 3, user_id="u2")
    await commit_range(database, 4, 4, operation="delete", after=None)

    response = await api.get(f"/changes?after=0&{query}")

    assert [line["id"] for line in lines(response)] == ids
    assert response.headers["last-event-id"] == "4"


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "limit=0", "wait_s=61", "operation=replace", "field=password_hash", "afterr=1"],
)
async def test_invalid_parameter_is_refused(api: Client, query: str) -> None:
    assert (await api.get(f"/changes?{query}")).status_code == 400


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30])
async def test_invalid_last_event_id_is_refused(api: Client, value: str) -> None:
    assert (await api.get("/changes", headers={"last-event-id": value})).status_code == 400


async def test_feed_needs_a_key(anonymous: Client) -> None:
    assert (await anonymous.get("/changes")).status_code == 401
