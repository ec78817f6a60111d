"""Stored fields that a client must not set."""

from typing import Any

import pytest

from docustore.database import Database
from tests.integration.api.conftest import Client, create

FIELDS: dict[str, Any] = {
    "id": "6b036b42dddea18c01e9b78e",
    "_id": "6b036b42dddea18c01e9b78e",
    "version": 99,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA",
    "identities": [{"key": "crm:1"}],
    "local_roles": ["admin"],
    "search_terms": ["root"],
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "updated_by": "etl:crm",
    "deleted_at": "2001-01-01T00:00:00Z",
    "schema_version": 99,
    "full_name": "Somebody Else",
}


@pytest.mark.parametrize("name", FIELDS)
async def test_bookkeeping_cannot_be_written(api: Client, database: Database, name: str) -> None:
    user = await create(api)
    stored = await database["users"].find_one()
    if_match = {"if-match": "*"}
    url, body = f"/users/{user['id']}", {"email": "eve@example.org", name: FIELDS[name]}
    patch = [{"op": "add", "path": f"/{name}", "value": FIELDS[name]}]

    answers = [
        await api.post("/users", json=body),
        await api.put(url, json=body, headers=if_match),
        await api.patch(url, json={name: FIELDS[name]}, headers=if_match),
        await api.patch(url, json=patch, headers=if_match | {"content-type": "application/json-patch+json"}),
    ]

    assert [answer.status_code for answer in answers] == [422] * 4
    assert await database["users"].find().to_list() == [stored]
