import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from docustore.database import Database
from docustore.users import bulk_status
from tests.integration.api.conftest import Client

OLD = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(database: Database, count: int, **fields: Any) -> None:
    await database["users"].insert_many(
        [
            {
                "email": f"user{number}@example.org",
                "status": "active",
                "updated_at": OLD + timedelta(days=number),
                "deleted_at": None,
                "version": 1,
                **fields,
            }
            for number in range(count)
        ]
    )


def order(**fields: Any) -> dict[str, Any]:
    return {"current_status": "active", "new_status": "inactive", **fields}


async def test_dry_run_in_the_query_changes_nothing(api: Client, database: Database) -> None:
    """The route takes `dry_run` in the body; ignored in the query, users changed."""
    await fill(database, 3)

    response = await api.post("/users/bulk-status?dry_run=true", json=order())

    assert response.status_code == 400
    assert await database["users"].count_documents({"status": "active"}) == 3


async def test_users_not_changed_since_get_the_status(api: Client, database: Database) -> None:
    await fill(database, 10)

    response = await api.post("/users/bulk-status", json=order(updated_before="2026-01-05T00:00:00Z"))

    assert response.json() == {"matched": 4, "modified": 4}
    moved = await database["users"].find({"status": "inactive"}).to_list()
    assert {user["email"] for user in moved} == {f"user{number}@example.org" for number in range(4)}
    assert {user["version"] for user in moved} == {2}
    assert all(user["identities"][0]["key"] == f"local:{user['_id']}" for user in moved)


async def test_more_than_one_batch_is_changed(api: Client, database: Database) -> None:
    await fill(database, 1203)

    response = await api.post("/users/bulk-status", json=order())

    assert response.json() == {"matched": 1203, "modified": 1203}
    assert await database["users"].count_documents({"status": "active"}) == 0


async def test_users_with_ids_of_any_type_are_changed(
    api: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other clients can pass the validator by; a batch ends where the type changes."""
    monkeypatch.setattr(bulk_status, "BATCH_DOCS", 2)
    ids = [n + kind for kind in (0, 0.5) for n in range(2)] + [
        "a",
        "b",
        {"a": 1},
        {"b": 1},
        ObjectId(),
        ObjectId(),
    ]
    users = [{"_id": each, "email": f"u{n}@x.example", "status": "active"} for n, each in enumerate(ids)]
    await database.command("insert", "users", documents=users, bypassDocumentValidation=True)

    answer = await api.post("/users/bulk-status", json={"current_status": "active", "new_status": "suspended"})

    assert answer.json() == {"matched": 10, "modified": 10}
    assert await database["users"].count_documents({"status": "suspended"}) == 10


async def test_dry_run_counts_only(api: Client, database: Database) -> None:
    await fill(database, 5)

    response = await api.post("/users/bulk-status", json=order(dry_run=True))

    assert response.json() == {"matched": 5, "modified": 0}
    assert await database["users"].count_documents({"version": 1}) == 5


async def test_more_than_max_affected_changes_nothing(api: Client, database: Database) -> None:
    await fill(database, 5)

    response = await api.post("/users/bulk-status", json=order(max_affected=4))

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/max_affected"
    assert await database["users"].count_documents({"version": 1}) == 5


async def test_deleted_users_are_not_changed(api: Client, database: Database) -> None:
    await fill(database, 3, deleted_at=OLD)

    assert (await api.post("/users/bulk-status", json=order())).json() == {"matched": 0, "modified": 0}


async def test_concurrent_writes_are_kept(api: Client, database: Database) -> None:
    await fill(database, 300)
    ids = [str(user["_id"]) for user in await database["users"].find().to_list()]

    async def rename(user_id: str) -> None:
        response = await api.patch(f"/users/{user_id}", json={"first_name": "New"}, headers={"if-match": "*"})
        assert response.status_code == 200

    moved, *_ = await asyncio.gather(api.post("/users/bulk-status", json=order()), *map(rename, ids[::10]))

    users = await database["users"].find().to_list()
    assert sum(user.get("first_name") == "New" for user in users) == 30
    assert sum(user["status"] == "inactive" for user in users) == moved.json()["modified"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/current_status"),
        (order(new_status="active"), ""),
        (order(updated_before="2026-01-05T00:00:00"), "/updated_before"),
        (order(max_affected=-1), "/max_affected"),
        (order(limit=1), "/limit"),
    ],
)
async def test_invalid_order_is_422(api: Client, body: dict[str, Any], pointer: str) -> None:
    response = await api.post("/users/bulk-status", json=body)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("name", "value"), [("dry_run", 0), ("dry_run", "yes"), ("max_affected", "1"), ("max_affected", True)]
)
async def test_value_of_another_type_is_422(api: Client, name: str, value: Any) -> None:
    body = {"current_status": "active", "new_status": "inactive", name: value}

    response = await api.post("/users/bulk-status", json=body)

    assert response.status_code == 422
    assert [error["code"] for error in response.json()["errors"]] == ["wrong_type"]
