"""The route of profiles."""

import pytest

from tests.integration.api.conftest import Client


async def test_profile_of_some_fields(api: Client) -> None:
    for number in range(3):
        body = {"email": f"u{number}@example.org", "first_name": "Ada", "last_name": "Lovelace"}
        assert (await api.post("/users", json=body)).status_code == 201

    response = await api.get("/quality/profile", params={"fields": "first_name,profile.location"})

    profile = response.json()
    names = [field["field"] for field in profile["fields"]]
    assert (response.status_code, profile["users"], names) == (200, 3, ["first_name", "profile.location"])
    assert profile["fields"][0]["top"] == [{"value": "Ada", "count": 3}]
    assert profile["fields"][0]["patterns"] == [{"pattern": "Aa+", "count": 3}]


@pytest.mark.parametrize("fields", ["first_name,password_hash", "", "first_name,"])
async def test_unknown_field_is_named(api: Client, fields: str) -> None:
    response = await api.get("/quality/profile", params={"fields": fields})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/fields"
