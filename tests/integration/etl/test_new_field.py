"""The next full read fills in a field that is new."""

from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database, Document
from docustore.etl.models import RunState
from docustore.etl.run_record import run_record
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

USERS = 2000


def with_field(number: int) -> dict[str, Any]:
    """Every third user has two identities, so that values lie with them too."""
    mailbox = number - 1 if number % 3 == 1 else number
    return user(
        number,
        email=f"user{mailbox}@example.org",
        profile={"location": f"Place {number}"},
        tags=["vip"],
        createdAt="2025-01-01T00:00:00Z",
    )


@pytest.mark.parametrize("field", ["tags", "profile.location"])
async def test_full_read_fills_in_a_new_field(
    database: Database, run_source: Run, tmp_path: Path, field: str
) -> None:
    source = file_source(write_ndjson(tmp_path / "a.ndjson", map(with_field, range(USERS))))
    await run_source(source)
    expected = await contents(database)
    await forget(database, field)

    run = await run_source(source, full=True)

    counts = run_record(run)["counts"]
    assert run.state is RunState.SUCCEEDED
    assert (counts["read"], counts["updated"], counts["stale"]) == (USERS, USERS, 0)
    assert await contents(database) == expected
    again = run_record(await run_source(source, full=True))["counts"]
    assert again["unchanged"] == USERS


async def contents(database: Database) -> list[Document]:
    hidden = {"version": 0, "updated_at": 0, "cause": 0}
    return await database.users.find({}, hidden).sort("_id").to_list()


async def forget(database: Database, field: str) -> None:
    """Take the field out of every document, with digests of the time before it."""
    older = [{"$unset": [field, f"identities.values.{field}"]}]
    await database.users.update_many({}, older)
    await database.users.update_many({}, {"$set": {"identities.$[].hash": "0" * 24}})
