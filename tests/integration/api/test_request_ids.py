"""Every answer has the id of its request; the store and the problems have it too."""

import pytest

from docustore.database import Database
from tests.integration.api.conftest import Client, create

OWN = {"x-request-id": "0af7651916cd43dd8448eb211c80319c"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/users"), ("GET", "/health/live"), ("GET", "/nope"), ("DELETE", "/users"), ("POST", "/users")],
)
async def test_answer_repeats_the_id_once(api: Client, method: str, path: str) -> None:
    response = await api.request(method, path, headers=OWN)

    assert response.headers.get_list("x-request-id") == [OWN["x-request-id"]]
    if response.is_error:
        assert response.json()["request_id"] == OWN["x-request-id"]


async def test_request_without_an_id_gets_one(api: Client) -> None:
    one, other = await api.get("/users"), await api.get("/users")

    assert len(one.headers["x-request-id"]) == 32
    assert one.headers["x-request-id"] != other.headers["x-request-id"]


async def test_malformed_id_is_replaced(api: Client) -> None:
    response = await api.get("/users", headers={"x-request-id": "a b"})

    assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize("kind", ["create", "once", "patch", "suspend", "role", "delete", "bulk"])
async def test_every_write_stores_its_cause(api: Client, database: Database, kind: str) -> None:
    user = await create(api)
    path, any_version = f"/users/{user['id']}", {**OWN, "if-match": "*"}
    match kind:
        case "create":
            await api.post("/users", json={"email": "bo@example.org"}, headers=OWN)
        case "once":
            await api.post("/users", json={"email": "bo@example.org"}, headers={**OWN, "idempotency-key": "k"})
        case "patch":
            await api.patch(path, json={"first_name": "Bo"}, headers=any_version)
        case "suspend":
            await api.post(f"{path}/suspend", headers=OWN)
        case "role":
            await api.put(f"{path}/roles/boss", headers=OWN)
        case "delete":
            await api.delete(path, headers=any_version)
        case _:
            order = {"current_status": "active", "new_status": "inactive"}
            await api.post("/users/bulk-status", json=order, headers=OWN)

    written = await database["users"].find({"cause.request_id": OWN["x-request-id"]}).to_list()

    assert len(written) == 1
    assert written[0]["cause"]["actor"] == written[0]["updated_by"]
