"""Writes to users that another client has stored past the validator, or before it existed."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from bson import Int64, ObjectId, Regex
from pymongo.errors import BulkWriteError

from docustore.config import Settings
from docustore.database import Database, connect
from docustore.users import service
from tests.conftest import Servers
from tests.integration.api.conftest import Client
from tests.messy_users import messy_users

ANY = {"if-match": "*"}
WRONG: dict[str, Any] = {
    "email": "Up@Example.ORG",
    "first_name": Regex("^a"),
    "status": "retired",
    "profile": {"preferences": {"theme": 7}},
    "identities": [{"key": "crm:1"}],
    "version": "2",
    "deleted_at": None,
}
RIGHT = {
    "email": "up@example.org",
    "first_name": "Ada",
    "status": "active",
    "profile": {"preferences": {"theme": "dark"}},
}


async def stored(database: Database, **fields: Any) -> str:
    user_id = ObjectId()
    user = {"_id": user_id, "email": f"{user_id}@example.org", **fields}
    await database["users"].insert_one(user, bypass_document_validation=True)
    return str(user_id)


async def is_valid(database: Database, user_id: str) -> bool:
    [collection] = await (await database.list_collections(filter={"name": "users"})).to_list()
    which = {"_id": ObjectId(user_id), **collection["options"]["validator"]}
    return await database["users"].count_documents(which) == 1


async def test_every_action_works_on_every_user(api: Client, database: Database) -> None:
    """A sample; the unit tests have every one of them."""
    # A user with 200 roles gets no further one; that is another rule.
    sample = [
        {"_id": ObjectId(), "email": f"messy{n}@example.org", **user}
        for n, user in enumerate(messy_users()[::9])
        if not isinstance(user.get("roles"), list) or len(user["roles"]) < 200
    ]
    # An identity of two users is refused.
    with suppress(BulkWriteError):
        await database["users"].insert_many(sample, ordered=False, bypass_document_validation=True)
    ids = [user["_id"] async for user in database["users"].find({"deleted_at": None}, {"_id": 1})]

    assert len(ids) > 20
    for user_id in ids:
        path = f"/users/{user_id}"
        answers = [
            await api.post(f"{path}/suspend"),
            await api.put(f"{path}/roles/clerk"),
            await api.delete(f"{path}/roles/clerk"),
            await api.get(f"{path}/identities"),
            await api.delete(path, headers=ANY),
            await api.post(f"{path}/restore"),
            await api.put(path, json={"email": f"{user_id}@example.org"}, headers=ANY),
        ]
        assert [each.status_code for each in answers] == [200, 200, 200, 200, 204, 200, 200], user_id


@pytest.mark.parametrize("version", [None, "2", 2.5, 0, {"$gt": 1}, Int64(2**63 - 1), Regex("x")])
async def test_next_write_gives_a_version(api: Client, database: Database, version: Any) -> None:
    user_id = await stored(database, version=version)
    read = await api.get(f"/users/{user_id}")

    suspended = await api.post(f"/users/{user_id}/suspend", headers={"if-match": read.headers["etag"]})

    assert suspended.status_code == 200, suspended.text
    assert (read.headers["etag"], suspended.headers["etag"]) == ('"1"', '"2"')


@pytest.mark.parametrize("ended", [False, "then", {"$gt": 1}, [None], Regex("x")])
async def test_any_end_can_be_undone(api: Client, database: Database, ended: Any) -> None:
    user_id = await stored(database, deleted_at=ended)

    gone = await api.get(f"/users/{user_id}")
    restored = await api.post(f"/users/{user_id}/restore")

    assert (gone.status_code, restored.status_code) == (410, 200)


async def test_patch_names_the_wrong_fields_and_corrects_them(api: Client, database: Database) -> None:
    path = f"/users/{await stored(database, **WRONG)}"

    refused = await api.patch(path, json={"tags": ["vip"]}, headers=ANY)
    corrected = await api.patch(path, json={**RIGHT, "tags": ["vip"]}, headers=ANY)

    assert refused.status_code == 422
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    # An address in another spelling is corrected by itself.
    assert pointers == {"/first_name", "/status", "/profile/preferences/theme"}
    assert corrected.status_code == 200, corrected.text
    assert await is_valid(database, path.removeprefix("/users/"))


async def test_json_patch_corrects_a_field(api: Client, database: Database) -> None:
    user_id = await stored(database, first_name=Regex("^a"), last_name={"a": ObjectId()})
    operations = [
        {"op": "copy", "from": "/last_name", "path": "/tags/-"},
        {"op": "remove", "path": "/tags/0"},
        *({"op": "replace", "path": f"/{name}", "value": "Ada"} for name in ("first_name", "last_name")),
    ]
    headers = {**ANY, "content-type": "application/json-patch+json"}

    patched = await api.patch(f"/users/{user_id}", json=operations, headers=headers)

    assert patched.status_code == 200, patched.text


async def test_bulk_action_changes_every_user(api: Client, database: Database) -> None:
    for wrong in ({"version": "2"}, {"identities": [{"key": "crm:1"}]}, {"first_name": Regex("^a")}):
        await stored(database, status="active", **wrong)

    order = {"current_status": "active", "new_status": "suspended"}
    answer = await api.post("/users/bulk-status", json=order)

    assert answer.json() == {"matched": 3, "modified": 3}


@pytest.fixture
async def strict(database: Database) -> AsyncIterator[None]:
    """The validation level that an operator has set: it also checks users that were invalid before."""
    await database.command("collMod", "users", validationLevel="strict")
    yield
    await database.command("collMod", "users", validationLevel="moderate")


@pytest.mark.usefixtures("strict")
async def test_strict_validator_is_answered_with_the_fields(api: Client, database: Database) -> None:
    user_id = await stored(database, **WRONG)
    path = f"/users/{user_id}"

    refused = [await api.post(f"{path}/suspend"), await api.put(f"{path}/roles/clerk")]
    corrected = await api.patch(path, json=RIGHT, headers=ANY)

    assert [each.status_code for each in refused] == [409] * 2
    assert {each.json()["type"] for each in refused} == {"/problems/user-refused"}
    pointers = {error["pointer"] for error in refused[1].json()["errors"]}
    assert pointers >= {"/email", "/first_name", "/status", "/profile/preferences/theme"}
    assert corrected.status_code == 200, corrected.text
    assert (await api.delete(path, headers=ANY)).status_code == 204


@pytest.mark.usefixtures("strict")
async def test_delete_writes_past_a_strict_validator(api: Client, database: Database) -> None:
    """A person must be able to delete; only the deletion is written."""
    user_id = await stored(database, **WRONG)
    path = f"/users/{user_id}"

    answers = [await api.delete(path, headers=ANY), await api.get(path), await api.delete(path, headers=ANY)]

    assert [each.status_code for each in answers] == [204, 410, 410]
    user = await database["users"].find_one({"_id": ObjectId(user_id)})
    assert user
    assert {name: user[name] for name in ("email", "status")} == {
        name: WRONG[name] for name in ("email", "status")
    }


@pytest.fixture
async def plain_account(database: Database, servers: Servers) -> AsyncIterator[Database]:
    """The database for an account that may read and write, and nothing else."""
    root = Settings(mongodb_url=servers.mongodb_root_url, mongodb_database=database.name)
    async with connect(root, app_name="docustore-tests") as owned:
        roles = [{"role": "readWrite", "db": database.name}]
        await owned.command("createUser", "plain", pwd="plain", roles=roles)
        address = servers.mongodb_root_url.partition("@")[2].replace(
            "authSource=admin", f"authSource={owned.name}"
        )
        own = root.model_copy(update={"mongodb_url": f"mongodb://plain:plain@{address}"})
        async with connect(own, app_name="docustore-tests") as plain:
            yield plain
        await owned.command("dropUser", "plain")


@pytest.mark.usefixtures("strict")
async def test_delete_without_the_right_names_the_fields(
    api: Client, database: Database, plain_account: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role `readWrite` does not include writes past the validator."""
    user_id = await stored(database, **WRONG)
    monkeypatch.setattr(service, "users", lambda: plain_account["users"])

    answer = await api.delete(f"/users/{user_id}", headers=ANY)

    assert answer.status_code == 409
    assert "/email" in {error["pointer"] for error in answer.json()["errors"]}


@pytest.mark.usefixtures("strict")
async def test_bulk_action_skips_refused_users(api: Client, database: Database) -> None:
    await stored(database, status="active", email="Up@Example.ORG")
    await stored(database, status="active")

    answer = await api.post("/users/bulk-status", json={"current_status": "active", "new_status": "suspended"})

    assert answer.json() == {"matched": 2, "modified": 1}
