import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher

from docustore.database import Database
from docustore.users.fields import completed_fields
from docustore.users.stored import user_key
from tests.integration.api.conftest import Client, create

MERGE = {"content-type": "application/merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}


def pointers(response: Any) -> set[str]:
    return {error["pointer"] for error in response.json()["errors"]}


async def test_created_user_is_returned_whole(api: Client) -> None:
    response = await api.post("/users", json={"email": " Ada@Example.org", "first_name": "Ada", "last_name": "L."})

    user = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/users/{user['id']}"
    assert response.headers["etag"] == '"1"'
    defaults = completed_fields({"email": "ada@example.org", "first_name": "Ada", "last_name": "L."})
    assert user | {"id": "", "created_at": "", "updated_at": ""} == {
        **defaults,
        "id": "",
        "full_name": "Ada L.",
        "created_at": "",
        "updated_at": "",
        "version": 1,
    }
    assert user["created_at"].endswith("Z")
    assert (await api.get(f"/users/{user['id']}")).json() == user


async def test_user_is_found_by_email_in_any_case(api: Client) -> None:
    user = await create(api, "ada@example.org")

    assert (await api.get("/users/by-email/ADA@Example.org")).json() == user
    assert (await api.get("/users/by-email/bob@example.org")).status_code == 404
    slashed = await create(api, "a/b@example.org")
    assert (await api.get("/users/by-email/a%2Fb@example.org")).json() == slashed
    assert (await api.get("/users/by-email/a/b@example.org/")).json() == slashed
    assert (await api.get("/users/by-email/nobody")).status_code == 404


async def test_unmodified_user_is_304(api: Client) -> None:
    user = await create(api)

    response = await api.get(f"/users/{user['id']}", headers={"if-none-match": '"1"'})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == '"1"'


async def test_merge_patch_changes_only_named_fields(api: Client) -> None:
    user = await create(api, profile={"bio": "b", "location": "Porto"}, tags=["a"])

    response = await api.patch(
        f"/users/{user['id']}",
        json={"first_name": "Ada", "profile": {"bio": None, "preferences": {"theme": "dark"}}},
        headers={"if-match": '"1"', **MERGE},
    )

    changed = response.json()
    assert (response.status_code, response.headers["etag"], changed["version"]) == (200, '"2"', 2)
    assert (changed["first_name"], changed["tags"]) == ("Ada", ["a"])
    assert changed["profile"] == user["profile"] | {
        "bio": None,
        "preferences": user["profile"]["preferences"] | {"theme": "dark"},
    }


async def test_plain_json_is_a_merge_patch(api: Client) -> None:
    user = await create(api)

    response = await api.patch(f"/users/{user['id']}", json={"tags": ["x"]}, headers={"if-match": "*"})

    assert response.json()["tags"] == ["x"]


async def test_json_patch_is_all_or_nothing(api: Client) -> None:
    user = await create(api, tags=["a"])
    operations = [
        {"op": "add", "path": "/tags/-", "value": "b"},
        {"op": "test", "path": "/status", "value": "gone"},
    ]

    refused = await api.patch(f"/users/{user['id']}", json=operations, headers={"if-match": '"1"', **JSON_PATCH})
    taken = await api.patch(f"/users/{user['id']}", json=operations[:1], headers={"if-match": '"1"', **JSON_PATCH})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "test_failed")
    assert taken.json()["tags"] == ["a", "b"]


async def test_put_resets_missing_fields_to_defaults(api: Client) -> None:
    user = await create(api, first_name="Ada", tags=["a"], roles=["r"], status="suspended")

    response = await api.put(
        f"/users/{user['id']}", json={"email": "new@example.org"}, headers={"if-match": '"1"'}
    )

    replaced = response.json()
    assert (replaced["email"], replaced["first_name"], replaced["tags"]) == ("new@example.org", "", [])
    assert (replaced["roles"], replaced["status"]) == ([], "active")
    assert replaced["created_at"] == user["created_at"]


async def test_patch_without_changes_keeps_the_version(api: Client) -> None:
    user = await create(api, first_name="Ada")

    response = await api.patch(f"/users/{user['id']}", json={"first_name": "Ada"}, headers={"if-match": '"1"'})

    assert response.json() == user


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_write_needs_the_current_version(api: Client, method: str) -> None:
    user = await create(api)
    body = None if method == "DELETE" else {"email": "ada@example.org", "first_name": "A"}
    path = f"/users/{user['id']}"

    without = await api.request(method, path, json=body)
    stale = await api.request(method, path, json=body, headers={"if-match": '"7"'})
    weak = await api.request(method, path, json=body, headers={"if-match": 'W/"1"'})
    malformed = await api.request(method, path, json=body, headers={"if-match": "1"})

    assert [r.status_code for r in (without, stale, weak, malformed)] == [428, 412, 412, 400]
    assert (stale.headers["etag"], weak.headers["etag"]) == ('"1"', '"1"')
    assert (await api.get(path)).json() == user


async def test_concurrent_creates_with_one_email(api: Client) -> None:
    responses = await asyncio.gather(*(api.post("/users", json={"email": "ada@example.org"}) for _ in range(5)))

    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409, 409]
    taken = next(response.json() for response in responses if response.status_code == 409)
    assert taken["type"] == "/problems/email-taken"


async def test_taking_another_users_email_is_409(api: Client) -> None:
    await create(api, "ada@example.org")
    eve = await create(api, "eve@example.org")

    response = await api.patch(
        f"/users/{eve['id']}", json={"email": "Ada@example.org"}, headers={"if-match": '"1"'}
    )

    assert response.status_code == 409


async def test_deleted_user_is_gone_and_its_email_free(api: Client, database: Database) -> None:
    user = await create(api, first_name="Ada")
    path = f"/users/{user['id']}"

    deleted = await api.delete(path, headers={"if-match": '"1"'})
    again = await create(api, "ada@example.org", first_name="Other")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await api.get(path)).status_code == 410
    assert (await api.delete(path, headers={"if-match": "*"})).status_code == 410
    assert (await api.post(f"{path}/activate")).status_code == 410
    assert [u["id"] for u in (await api.get("/users")).json()["items"]] == [again["id"]]
    assert (await api.get("/users/search", params={"q": "ada"})).json()["total"] == 1
    assert (await api.get("/users/by-email/ada@example.org")).json()["id"] == again["id"]
    exact = await api.get("/users", headers={"prefer": "count=exact"})
    assert exact.json()["total"] == 1
    stored = await database["users"].find_one({"_id": user_key(user["id"])})
    assert stored is not None
    assert stored["first_name"] == "Ada"


async def test_restored_user_keeps_its_fields(api: Client) -> None:
    user = await create(api, first_name="Ada")
    await api.delete(f"/users/{user['id']}", headers={"if-match": '"1"'})

    response = await api.post(f"/users/{user['id']}/restore")

    restored = response.json()
    assert restored | {"version": 1, "updated_at": ""} == user | {"updated_at": ""}
    assert restored["version"] == 3


async def test_restore_is_409_when_the_email_is_taken(api: Client) -> None:
    user = await create(api)
    await api.delete(f"/users/{user['id']}", headers={"if-match": '"1"'})
    await create(api)

    assert (await api.post(f"/users/{user['id']}/restore")).status_code == 409


@pytest.mark.parametrize(
    ("action", "status"), [("suspend", "suspended"), ("deactivate", "inactive"), ("activate", "active")]
)
async def test_status_actions(api: Client, action: str, status: str) -> None:
    user = await create(api, status="suspended" if action != "suspend" else "active")

    first = await api.post(f"/users/{user['id']}/{action}")
    second = await api.post(f"/users/{user['id']}/{action}", headers={"if-match": '"2"'})
    stale = await api.post(f"/users/{user['id']}/{action}", headers={"if-match": '"1"'})

    assert (first.json()["status"], first.json()["version"]) == (status, 2)
    assert second.json() == first.json()
    assert stale.status_code == 412


async def test_password_is_hashed_and_never_returned(api: Client, database: Database) -> None:
    user = await create(api, password="correct horse")
    path = f"/users/{user['id']}"

    answers = [
        await api.get(path),
        await api.get("/users"),
        await api.get("/users/search", params={"q": "ada"}),
        await api.get("/users/by-email/ada@example.org"),
        await api.post(f"{path}/suspend"),
        await api.patch(path, json={"password": "battery staple"}, headers={"if-match": '"2"'}),
        await api.put(path, json={"email": "ada@example.org"}, headers={"if-match": '"3"'}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 7
    assert not any(word in answer.text for answer in answers for word in ("password", "argon2", "horse", "staple"))
    stored = await database["users"].find_one({"_id": user_key(user["id"])})
    assert stored is not None
    assert PasswordHasher().verify(stored["password_hash"], "battery staple")


async def test_all_errors_of_a_body_are_listed(api: Client) -> None:
    body = {"email": "nobody", "shoe_size": 43, "profile": {"preferences": {"theme": "blue"}}, "status": "gone"}
    user = await create(api)

    created = await api.post("/users", json=body)
    patched = await api.patch(f"/users/{user['id']}", json=body, headers={"if-match": '"1"'})

    for response in (created, patched):
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
        assert pointers(response) == {"/email", "/shoe_size", "/profile/preferences/theme", "/status"}
    assert created.json()["errors"][0]["code"] == "email_malformed"
    assert "nobody" not in created.text


async def test_users_of_other_clients_are_handled(api: Client, database: Database) -> None:
    """Other clients may write users; missing fields are read as their defaults."""
    path = f"/users/{(await database['users'].insert_one({'email': 'bare@example.org'})).inserted_id}"

    read = await api.get(path)
    suspended = await api.post(f"{path}/suspend", headers={"if-match": '"1"'})
    patched = await api.patch(path, json={"first_name": "Bare"}, headers={"if-match": '"2"'})

    assert (read.json()["version"], read.json()["status"], read.json()["created_at"]) == (1, "active", None)
    assert suspended.json()["status"] == "suspended"
    assert (patched.json()["full_name"], patched.json()["status"]) == ("Bare", "suspended")


async def test_write_counts_as_the_source_local(api: Client, database: Database) -> None:
    user = await create(api, roles=["clerk"])

    stored = await database["users"].find_one({"_id": user_key(user["id"])})

    assert stored is not None
    assert [entry["key"] for entry in stored["identities"]] == [f"local:{user['id']}"]
    assert stored["local_roles"] == ["clerk"]
    assert stored["updated_by"].startswith("api:")
    assert stored["search_terms"] == ["ada", "ada@example.org", "example", "example.org", "org"]
