"""Build a derived effect for the benchmarks, as its only keeper."""

import time

from docustore.changes.derived.claim import claim
from docustore.changes.derived.derivation import DerivedEffect
from docustore.changes.derived.keeper import Keeper
from docustore.database import Database


async def build_rate(database: Database, effect: DerivedEffect, *, users: int) -> float:
    """Build the effect for all users of a populated store; return users per second."""
    started = time.perf_counter()
    async with database.client.start_session() as session:
        taken = await claim(database, effect, owner="bench", lease_s=3600)
        assert taken is not None
        held, state = taken
        keeper = Keeper(database=database, session=session, effect=effect, held=held, state=state)
        while keeper.state.build is not None:
            await keeper.step()
    return users / (time.perf_counter() - started)
