"""Any order of arrival gives the same rows of `dim_user`."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.warehouse.duckdb_views import VIEWS
from docustore.warehouse.export import export_warehouse
from docustore.warehouse.tracked import tracked_fields
from indexes.warehouse import DEFAULT_TRACKED
from tests.integration.warehouse.arrivals import START, Span, batches, meant_spans, random_records
from tests.listening import listening
from tests.store_cases import store
from tests.unit.etl.generated import mapped

TRACKED = tracked_fields(DEFAULT_TRACKED)
PEOPLE = 50
ORDERS = 4


@pytest.mark.parametrize(("seed", "processes"), [(1, 1), (2, 6)])
async def test_any_order_of_arrival_gives_the_same_rows(
    database: Database,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    processes: int,
) -> None:
    """Versions and ends of the same records, late, twice, in batches of any size, by several at once."""
    monkeypatch.chdir(tmp_path)
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
            records = [record for batch in together for record in batch]
            if processes > 1:
                random.shuffle(records)
            await asyncio.gather(*(store(database, records[part::processes]) for part in range(processes)))
            if random.random() < 0.3:
                await export_warehouse(database, tmp_path, tracked=TRACKED)
        await wait_until_applied(database)

    await export_warehouse(database, tmp_path, tracked=TRACKED)
    expected = {email: spans for email, spans in meant.items() if spans}
    rows = await database.dim_user.find().sort("valid_from", 1).to_list()
    assert spans_by_address(rows) == expected
    assert spans_by_address(rows_of_files(tmp_path)) == expected


def spans_by_address(rows: Iterable[dict[str, Any]]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        until = row["valid_to"]
        span = row["status"], row["first_name"], hour(row["valid_from"]), None if until is None else hour(until)
        found[row["email"]].append(span)
    return found


def rows_of_files(folder: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((folder / VIEWS).read_text())
        found = connection.execute("FROM dim_user ORDER BY valid_from")
        names = [name for name, *_ in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def hour(time: datetime) -> int:
    return int((time.astimezone(UTC) - START) / timedelta(hours=1))
