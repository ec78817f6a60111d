"""Benchmarks of reads: the API, analytics and search."""

import os
from typing import Final
from uuid import uuid4

from benchmarks import api, reads, search
from benchmarks.population import populate
from benchmarks.row import BenchRow
from docustore.config import Settings
from docustore.document_models import open_database
from indexes.apply import apply_indexes

# For another number of users: `BENCH_USERS=1000000 make bench`. Inserting a million users takes minutes.
USERS_VARIABLE: Final = "BENCH_USERS"
DEFAULT_USERS: Final = 100_000


async def run(settings: Settings) -> list[BenchRow]:
    """Fill a separate database, measure, and drop it.

    Takes about two minutes with 100,000 users.
    """
    users = int(os.environ.get(USERS_VARIABLE, DEFAULT_USERS))
    own = settings.model_copy(update={"mongodb_database": f"bench_{uuid4().hex[:12]}"})
    async with open_database(own, app_name="docustore-bench") as database:
        await apply_indexes(database)
        try:
            await populate(database, users=users)
            return [
                *await api.measure(database, own, users=users),
                *await reads.measure(database, users=users),
                *await search.measure(database, users=users),
            ]
        finally:
            await database.client.drop_database(database.name)
