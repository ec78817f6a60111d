"""Any order of arrival gives the same rows of `dim_user`."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import zip_longest
from random import Random

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.integration.warehouse.arrivals import START, Span, batches, meant_spans, random_records
from tests.listening import listening
from tests.store_cases import store
from tests.unit.etl.generated import mapped

PEOPLE = 80
ORDERS = 4


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_order_of_arrival_gives_the_same_rows(database: Database, settings: Settings, seed: int) -> None:
    """Versions and ends of the same records, late, twice, and in batches of any size."""
    random = Random(seed)
    meant: dict[str, list[Span]] = {}
    arrivals = []
    for number in range(PEOPLE):
        shape = random.getrandbits(64)
        for order in range(ORDERS):
            person = f"p{number}-{order}"
            records = random_records(Random(shape), person=person)
            meant[f"{person}@example.org"] = meant_spans([mapped(record) for record in records])
            arrivals.append(batches(random, records))

    async with listening(database, settings):
        await wait_until_applied(database)
        for together in zip_longest(*arrivals, fillvalue=[]):
            await store(database, [record for batch in together for record in batch])
        await wait_until_applied(database)

    found = await spans_by_address(database)
    emails = {email: spans for email, spans in meant.items() if spans}
    differing = {email: (found.get(email), spans) for email, spans in emails.items() if found.get(email) != spans}
    assert differing == {}
    assert found.keys() == emails.keys()


async def spans_by_address(database: Database) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    async for row in database.dim_user.find().sort("valid_from", 1):
        until = row["valid_to"]
        span = row["status"], row["first_name"], hour(row["valid_from"]), None if until is None else hour(until)
        found[row["email"]].append(span)
    return found


def hour(time: datetime) -> int:
    return int((time - START) / timedelta(hours=1))
