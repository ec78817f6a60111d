"""The history of a user through the API: who changed what, earlier states, and a restored version."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonpatch import JsonPatch

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.security.models import Scope
from docustore.users.stored import user_key
from tests.integration.api.conftest import Client, create
from tests.listening import following

SHAPE = {
    "number", "at", "operation", "source", "cause", "changed", "patch", "version", "is_approximate", "omitted",
}  # fmt: skip
FOREVER = "2999-01-01T00:00:00Z"


@pytest.fixture
async def listener(database: Database, api_settings: Settings) -> AsyncIterator[None]:
    async with following(database, api_settings):
        await wait_until_applied(database)
        yield


@pytest.fixture
async def ada(api: Client, database: Database, listener: None) -> dict[str, Any]:
    """A user with four changes, each by another request."""
    user = await create(api, first_name="Ada", roles=["clerk"])
    path = f"/users/{user['id']}"
    for number, (method, rest, body) in enumerate(
        [
            ("PATCH", "", {"profile": {"location": "London"}}),
            ("POST", "/suspend", None),
            ("PATCH", "", {"first_name": "Augusta", "tags": ["x"]}),
        ],
        start=1,
    ):
        headers = {"if-match": "*", "x-request-id": f"request-{number}"}
        response = await api.request(method, path + rest, json=body, headers=headers)
        assert response.status_code == 200, response.text
    await wait_until_applied(database)
    return (await api.get(path)).json()


async def history(api: Client, user_id: str, query: str = "") -> dict[str, Any]:
    response = await api.get(f"/users/{user_id}/history{query}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_change_tells_who_and_what(api: Client, ada: dict[str, Any], keys: dict[Scope, str]) -> None:
    key_id = keys[Scope.WRITE].split("_")[1]

    items = (await history(api, ada["id"]))["items"]

    assert all(item.keys() == SHAPE for item in items)
    assert [(item["version"], item["changed"]) for item in items] == [
        (4, ["first_name", "tags"]),
        (3, ["status"]),
        (2, ["profile"]),
        (1, []),
    ]
    assert {"op": "replace", "path": "/profile/location", "value": "London"} in items[2]["patch"]
    assert items[1]["cause"] == {
        "actor": f"api:{key_id}", "request_id": "request-2", "run_id": None, "reason": None,
    }  # fmt: skip
    assert {item["source"] for item in items} == {f"api:{key_id}"}


async def test_patches_lead_to_the_present_user(api: Client, ada: dict[str, Any]) -> None:
    document: Any = None
    for item in (await history(api, ada["id"], "?order=asc"))["items"]:
        document = JsonPatch(item["patch"]).apply(document)

    assert document == {**ada, "deleted_at": None}


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_have_every_change_once(api: Client, ada: dict[str, Any], order: str) -> None:
    whole = await history(api, ada["id"], f"?order={order}")
    found, query = [], f"?order={order}&limit=1"
    while query:
        page = await history(api, ada["id"], query)
        found += page["items"]
        query = page["next_cursor"] and f"?order={order}&limit=1&cursor={page['next_cursor']}"

    assert found == whole["items"]
    assert len(found) == 4


async def test_cursor_of_another_query_is_refused(api: Client, ada: dict[str, Any]) -> None:
    cursor = (await history(api, ada["id"], "?limit=1"))["next_cursor"]

    response = await api.get(f"/users/{ada['id']}/history?order=asc&cursor={cursor}")

    assert response.status_code == 400


async def test_history_of_a_deleted_user_can_be_read(api: Client, ada: dict[str, Any], database: Database) -> None:
    await api.delete(f"/users/{ada['id']}", headers={"if-match": "*"})
    await wait_until_applied(database)
    await database["users"].delete_one({"_id": user_key(ada["id"])})
    await wait_until_applied(database)

    gone, marked = (await history(api, ada["id"], "?limit=2"))["items"]

    assert (marked["operation"], marked["changed"]) == ("update", ["deleted_at"])
    assert (gone["operation"], gone["source"], gone["cause"]) == ("delete", "external", None)
    assert gone["patch"] == [{"op": "replace", "path": "", "value": None}]


async def test_history_shows_no_secret_and_no_identity(api: Client, database: Database, listener: None) -> None:
    user = await create(api, password="long enough 1")
    await wait_until_applied(database)

    text = (await api.get(f"/users/{user['id']}/history")).text

    assert "password" not in text
    assert "identities" not in text
    assert "search_terms" not in text


async def test_history_of_no_user_is_404(api: Client, ada: dict[str, Any]) -> None:
    assert (await api.get("/users/6b03670836d3f4af790854b3/history")).status_code == 404


async def test_user_without_recorded_changes_has_an_empty_history(api: Client) -> None:
    """The listener may be behind."""
    user = await create(api)

    assert await history(api, user["id"]) == {"items": [], "next_cursor": None}


async def test_answers_are_not_stored(api: Client, ada: dict[str, Any]) -> None:
    for path in (f"/users/{ada['id']}/history", f"/users/{ada['id']}?as_of={FOREVER}"):
        assert (await api.get(path)).headers["cache-control"] == "no-store"


async def test_user_as_of_a_time(api: Client, ada: dict[str, Any]) -> None:
    items = (await history(api, ada["id"], "?order=asc"))["items"]

    answers = [(await api.get(f"/users/{ada['id']}", params={"as_of": item["at"]})).json() for item in items]
    early = datetime.fromisoformat(items[0]["at"]) - timedelta(milliseconds=1)
    before = await api.get(f"/users/{ada['id']}", params={"as_of": early.isoformat()})

    assert [answer["version"] for answer in answers] == [1, 2, 3, 4]
    assert answers[-1] == ada
    assert before.status_code == 404


async def test_deleted_user_as_of_a_time(api: Client, ada: dict[str, Any], database: Database) -> None:
    alive = datetime.now(UTC)
    await api.delete(f"/users/{ada['id']}", headers={"if-match": "*"})
    await wait_until_applied(database)

    then = await api.get(f"/users/{ada['id']}", params={"as_of": alive.isoformat()})
    now = await api.get(f"/users/{ada['id']}", params={"as_of": FOREVER})

    assert (then.status_code, then.json()) == (200, ada)
    assert now.status_code == 410


async def test_answer_tells_whether_the_state_is_proven(api: Client, ada: dict[str, Any]) -> None:
    """No change after the position is known, so a time in the future is never proven."""
    one = await api.get(f"/users/{ada['id']}", params={"as_of": FOREVER})
    many = await api.get("/users", params={"as_of": FOREVER})
    now = await api.get(f"/users/{ada['id']}")

    assert (one.headers["as-of-state"], many.headers["as-of-state"]) == ("pending", "pending")
    assert "as-of-state" not in now.headers


async def test_list_as_of_a_time(api: Client, ada: dict[str, Any]) -> None:
    items = (await history(api, ada["id"], "?order=asc"))["items"]

    async def listed(**query: Any) -> list[Any]:
        return (await api.get("/users", params=query)).json()["items"]

    assert await listed(as_of=items[1]["at"], location="London", status="active") != []
    assert await listed(as_of=items[0]["at"], location="London") == []
    assert await listed(as_of=FOREVER, status="active") == []
    assert await listed(as_of=FOREVER, tag="x", role="clerk") == [ada]


async def test_version_is_restored_as_a_new_one(api: Client, ada: dict[str, Any], database: Database) -> None:
    second = (await history(api, ada["id"], "?order=asc"))["items"][1]
    path = f"/users/{ada['id']}/history/{second['number']}/restore"

    response = await api.post(path, headers={"if-match": '"4"'})
    await wait_until_applied(database)

    restored = response.json()
    assert (response.status_code, response.headers["etag"]) == (200, '"5"')
    assert {name: restored[name] for name in ("first_name", "status", "tags", "roles", "version")} == {
        "first_name": "Ada", "status": "active", "tags": [], "roles": ["clerk"], "version": 5,
    }  # fmt: skip
    assert restored["profile"]["location"] == "London"
    latest = (await history(api, ada["id"], "?limit=1"))["items"][0]
    assert latest["cause"]["reason"] == f"restore of the version after change {second['number']}"


async def test_restore_of_the_present_version_writes_nothing(api: Client, ada: dict[str, Any]) -> None:
    last = (await history(api, ada["id"], "?limit=1"))["items"][0]

    response = await api.post(f"/users/{ada['id']}/history/{last['number']}/restore", headers={"if-match": "*"})

    assert (response.status_code, response.json()) == (200, ada)


async def test_restore_is_conditional(api: Client, ada: dict[str, Any]) -> None:
    path = f"/users/{ada['id']}/history/1/restore"

    assert (await api.post(path)).status_code == 428
    assert (await api.post(path, headers={"if-match": '"3"'})).status_code == 412


@pytest.mark.parametrize("number", [0, 5, 99999, 2**70])
async def test_change_of_another_user_cannot_be_restored(
    api: Client, ada: dict[str, Any], database: Database, number: int
) -> None:
    await create(api, "bo@example.org")
    await wait_until_applied(database)

    response = await api.post(f"/users/{ada['id']}/history/{number}/restore", headers={"if-match": "*"})

    assert response.status_code == 404


async def test_restored_version_is_a_local_edit(api: Client, database: Database, listener: None) -> None:
    """Like a PATCH: it counts until the upstream system sends a newer version."""
    user = await create(api)
    key = {"_id": user_key(user["id"])}
    stored = await database["users"].find_one(key)
    assert stored is not None
    upstream = {**stored["identities"][0], "key": "crm:1"}
    await database["users"].update_one(key, {"$set": {"identities": [upstream], "first_name": "Crm"}})
    await wait_until_applied(database)

    response = await api.post(f"/users/{user['id']}/history/1/restore", headers={"if-match": "*"})

    assert response.json()["first_name"] == ""
    after = await database["users"].find_one(key)
    assert after is not None
    assert [entry["key"] for entry in after["identities"]] == ["crm:1", "local:crm:1"]


async def test_incomplete_state_is_not_restored(api: Client, ada: dict[str, Any], database: Database) -> None:
    await database["user_history"].update_one({"_id": 1}, {"$set": {"omitted": ["profile"]}})

    response = await api.post(f"/users/{ada['id']}/history/1/restore", headers={"if-match": "*"})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "state_incomplete")
