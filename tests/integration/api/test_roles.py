"""Single roles of a user, granted and taken away."""

from urllib.parse import quote

import pytest

from docustore.database import Database
from docustore.users.stored import user_key
from tests.integration.api.conftest import Client, create


async def test_granted_role_is_answered_with_a_new_version(api: Client) -> None:
    user = await create(api)

    response = await api.put(f"/users/{user['id']}/roles/boss")

    assert response.status_code == 200
    assert (response.json()["roles"], response.headers["etag"]) == (["boss"], '"2"')


async def test_role_granted_twice_writes_once(api: Client) -> None:
    user = await create(api)
    await api.put(f"/users/{user['id']}/roles/boss")

    again = await api.put(f"/users/{user['id']}/roles/boss")

    assert (again.json()["roles"], again.json()["version"]) == (["boss"], 2)


async def test_role_is_taken_away(api: Client) -> None:
    user = await create(api, roles=["boss", "clerk"])

    response = await api.delete(f"/users/{user['id']}/roles/boss")

    assert (response.status_code, response.json()["roles"]) == (200, ["clerk"])
    assert (await api.delete(f"/users/{user['id']}/roles/boss")).json()["version"] == 2


async def test_role_of_a_source_is_taken_away_until_the_source_grants_it(api: Client, database: Database) -> None:
    """Taking a role away is a local write: it counts over the older record."""
    user = await create(api)
    await database.users.update_one({"_id": user_key(user["id"])}, {"$set": {"roles": ["clerk"]}})

    response = await api.delete(f"/users/{user['id']}/roles/clerk")

    stored = await database.users.find_one({"_id": user_key(user["id"])})
    assert response.json()["roles"] == []
    assert stored is not None
    assert (stored["roles"], stored["local_roles"]) == ([], [])
    assert f"local:{user['id']}" in {entry["key"] for entry in stored["identities"]}


@pytest.mark.parametrize(
    ("role", "status"), [("a" * 100, 200), ("a" * 101, 400), (" ", 400), ("\x01", 400), ("Ärztin für alles", 200)]
)
async def test_role_name_is_a_label(api: Client, role: str, status: int) -> None:
    user = await create(api)

    response = await api.put(f"/users/{user['id']}/roles/{quote(role)}")

    assert response.status_code == status
    if status == 400:
        assert [error["pointer"] for error in response.json()["errors"]] == ["/role"]


async def test_more_roles_than_the_limit_are_refused(api: Client) -> None:
    user = await create(api, roles=[f"r{number}" for number in range(200)])

    response = await api.put(f"/users/{user['id']}/roles/boss")

    assert response.status_code == 422
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [("/roles", "too_long")]


async def test_stale_version_is_refused(api: Client) -> None:
    user = await create(api)

    response = await api.put(f"/users/{user['id']}/roles/boss", headers={"if-match": '"7"'})

    assert response.status_code == 412


async def test_deleted_user_is_gone_and_unknown_user_is_not_found(api: Client) -> None:
    user = await create(api)
    await api.delete(f"/users/{user['id']}", headers={"if-match": "*"})

    assert (await api.put(f"/users/{user['id']}/roles/boss")).status_code == 410
    assert (await api.put("/users/6b036b42dddea18c01e9b78e/roles/boss")).status_code == 404
