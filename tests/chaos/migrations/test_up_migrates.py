"""`docustore up` brings the store to the shape of this version by itself."""

import json
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from docustore.database import Client
from docustore.migrations.ledger import SCHEMA_MIGRATIONS
from docustore.migrations.registry import MIGRATIONS
from tests.chaos.test_embedded_up import up

pytestmark = [pytest.mark.chaos]


async def test_up_applies_every_migration(tmp_path: Path) -> None:
    async with up(tmp_path):
        # What `up` prints has no passwords.
        url = json.loads((tmp_path / "endpoints.json").read_text())["mongodb_url"]
        client: Client = AsyncMongoClient(url)
        async with client:
            await assert_all_applied(client)


async def assert_all_applied(client: Client) -> None:
    applied = client["docustore"][SCHEMA_MIGRATIONS].find({"state": "applied"}).sort("_id", 1)

    assert [row["_id"] async for row in applied] == [migration.number for migration in MIGRATIONS]
