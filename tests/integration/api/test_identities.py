"""The route of the identities of a user."""

from tests.integration.api.conftest import Client, create


async def test_user_of_the_api_has_one_local_identity(api: Client) -> None:
    user = await create(api)

    [identity] = (await api.get(f"/users/{user['id']}/identities")).json()

    assert (identity["kind"], identity["external_id"], identity["is_winner"]) == ("local", user["id"], True)
    assert identity["ended_at"] is None


async def test_deleted_user_keeps_its_identities(api: Client) -> None:
    user = await create(api)
    await api.delete(f"/users/{user['id']}", headers={"if-match": "*"})

    assert len((await api.get(f"/users/{user['id']}/identities")).json()) == 1
    assert (await api.get("/users/nobody/identities")).status_code == 404
