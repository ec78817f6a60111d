"""A lease of a clock that was an hour ahead holds nothing up afterwards."""

import asyncio
from datetime import timedelta

from docustore.changes.derived.claim import claim
from docustore.changes.effects.search import UserSearchEffect
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.migrations.lease import LEASE_ID, migration_lease
from docustore.migrations.ledger import SCHEMA_MIGRATIONS
from docustore.quality.checks import CHECKS, claim_night
from tests.waiting import PATIENCE_S

NIGHT = "night:2026-11-01"


async def make_ahead(database: Database, collection: str, document_id: object) -> None:
    ahead = {"lease_expires_at": now_utc() + timedelta(hours=1)}
    result = await database[collection].update_one({"_id": document_id}, {"$set": ahead})
    assert result.matched_count == 1


async def test_derived_effect_is_taken(database: Database, settings: Settings) -> None:
    effect = UserSearchEffect(settings)
    assert await claim(database, effect, owner="dead", lease_s=10) is not None
    assert await claim(database, effect, owner="other", lease_s=10) is None
    await make_ahead(database, EFFECT_STATES, effect.name)

    assert await claim(database, effect, owner="other", lease_s=10) is not None


async def test_check_of_the_night_is_taken(database: Database) -> None:
    assert await claim_night(database, NIGHT, owner="dead")
    assert not await claim_night(database, NIGHT, owner="other")
    await make_ahead(database, CHECKS, NIGHT)

    assert await claim_night(database, NIGHT, owner="other")


async def test_migrations_are_taken(database: Database) -> None:
    async with migration_lease(database) as held:
        await make_ahead(database, SCHEMA_MIGRATIONS, LEASE_ID)
        async with asyncio.timeout(PATIENCE_S), migration_lease(database) as taken:
            assert taken.fence > held.fence
