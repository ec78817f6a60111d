"""The two forms of each dimension's rule agree on any stored user."""

import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import bson
import pytest

from docustore.analytics.dimensions import DIMENSIONS
from docustore.database import Database
from docustore.history.rows import IMAGE_CODEC
from tests.messy_users import messy_user, messy_users


@pytest.fixture
async def plain(database: Database) -> AsyncIterator[Database]:
    """A database whose `users` has no validator and no index."""
    bare: Database = database.client.get_database(f"{database.name}_{uuid4().hex[:6]}")
    yield bare
    await bare.client.drop_database(bare.name)


async def test_both_rules_agree_on_any_user(plain: Database) -> None:
    chance = random.Random(7)
    users = [*messy_users(), *(messy_user(chance) for _ in range(300))]
    await plain["users"].insert_many([{"_id": number, **user} for number, user in enumerate(users)])
    rules = {name: dimension.expression() for name, dimension in DIMENSIONS.items()}

    cursor = await plain["users"].aggregate([{"$sort": {"_id": 1}}, {"$project": rules}])

    async for found in cursor:
        stored: dict[str, Any] = bson.decode(bson.encode(users[found["_id"]]), IMAGE_CODEC)
        for name, dimension in DIMENSIONS.items():
            values = found[name] if dimension.is_multi_valued else [found[name]]
            assert sorted(values) == sorted(dimension.values_of(stored)), (name, stored)
