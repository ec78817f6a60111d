"""Storing records beside other writers and through crashes, compared with a model.

`MOVE_TRIALS=1000` runs more trials than the usual few.
"""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from docustore.api.patches import PatchType
from docustore.database import Database
from docustore.errors import EmailTakenError, RecordsBusyError
from docustore.etl.plan import Outcome
from docustore.etl.transform import UserRecord
from docustore.users.cause import Cause
from docustore.users.identities import edited_key, is_local, with_values
from docustore.users.preconditions import IfMatch
from docustore.users.service import Write, delete_user, patch_user
from tests.integration.etl.interference import DisturbedDatabase, Interference, KilledError
from tests.store_cases import record, store
from tests.unit.etl.generated import mapped
from tests.unit.etl.model import described_users

TRIALS = int(os.environ.get("MOVE_TRIALS", "12"))
SOURCES = ("crm", "hr", "ldap", "shop")
EDITED_AT = datetime(2026, 1, 5, tzinfo=UTC)
EMAILS = [f"{name}@example.org" for name in ("ada", "bob", "cyd", "dan")]
START = datetime(2026, 1, 1, tzinfo=UTC)
NOT_COMPARED = (
    "_id",
    "local_roles",
    "updated_at",
    "updated_by",
    "cause",
    "version",
    "schema_version",
    "deleted_at",
)


@pytest.mark.parametrize("raced_write", range(3))
async def test_late_record_that_moves_an_ended_identity_leaves_it_ended(
    database: Database, raced_write: int
) -> None:
    """The end is known only to the user that the identity leaves, and another client writes to the other user."""
    crm = {"id": 1, "email": "ada@example.org", "modified_at": "2026-01-01T00:00:00Z"}
    hr = {"source": "hr", "id": 1, "email": "bob@example.org", "modified_at": "2026-01-01T00:00:00Z"}
    tombstone = {"id": 1, "deleted": True, "modified_at": "2026-01-10T00:00:00Z"}
    for early in (crm, hr, tombstone):
        await store(database, [mapped(early)])
    late = mapped({**crm, "email": "bob@example.org", "modified_at": "2026-01-05T00:00:00Z"})

    await store(_with_one_race(database, raced_write), [late])

    [user] = await database.users.find().to_list()
    ended = {entry["key"]: "deleted_at" in entry for entry in user["identities"]}
    assert ended == {"crm:1": True, "hr:1": False}


async def test_end_that_cannot_be_written_is_not_forgotten(database: Database) -> None:
    """The tombstone comes during the insert, and then another client is faster every time."""

    class TombstoneThenRaces(Interference):
        is_first = True

        async def before(self) -> None:
            if self.is_first:
                self.is_first = False
                await store(database, [record(1, 2, deleted=True)])
            await super().before()

    disturbed = DisturbedDatabase(database, TombstoneThenRaces(database, Random(1), race_pct=100, kill_pct=0))

    with pytest.raises(RecordsBusyError):
        await store(disturbed, [record(1)])
    await store(database, [record(1)], is_repeated=True)

    assert [user["status"] async for user in database.users.find()] == ["inactive"]


async def test_record_that_loses_every_race_is_stored_later(database: Database) -> None:
    """It puts the run off; it is not quarantined, because nothing is wrong with it."""
    await store(database, [record(1)])
    disturbed = DisturbedDatabase(database, Interference(database, Random(1), race_pct=100, kill_pct=0))

    with pytest.raises(RecordsBusyError):
        await store(disturbed, [record(1, 2, first_name="New")])
    outcomes = await store(database, [record(1, 2, first_name="New")])

    assert outcomes == [Outcome.UPDATED]


@pytest.mark.parametrize("seed", range(TRIALS))
async def test_races_and_crashes_change_nothing(database: Database, seed: int) -> None:
    """Four sources are stored at once, in any order, and repeated after each crash.

    Some users are edited or deleted through the API in between.
    """
    random = Random(seed)
    early = {source: _records(random, source) for source in SOURCES}
    late = {source: _records(random, source) for source in SOURCES}
    disturbed = DisturbedDatabase(database, Interference(database, random, race_pct=20, kill_pct=8))

    await asyncio.gather(*(_store_all(disturbed, records, random) for records in early.values()))
    edits, deleted = await _write_locally(database, random)
    await asyncio.gather(*(_store_all(disturbed, records, random) for records in late.values()))

    everything = [record for by_source in (early, late) for records in by_source.values() for record in records]
    wanted = described_users(everything, edits=edits, deleted=deleted)
    assert _differences(await _content(database), wanted) == []


async def _write_locally(database: Database, random: Random) -> tuple[dict[str, Any], list[list[str]]]:
    """Change some users through the API; return the edits and the identities of deleted users."""
    for user_id in [user["_id"] async for user in database.users.find({}, {"_id": 1}).sort("email")]:
        write = Write(
            user_id=str(user_id), if_match=IfMatch(versions=None), cause=Cause(actor="api:1"), now=EDITED_AT
        )
        change = random.choice(["none", "none", "first_name", "email", "delete"])
        if change == "delete":
            await delete_user(write)
        elif change != "none":
            value = "Edited" if change == "first_name" else random.choice([*EMAILS, "eve@example.org"])
            with suppress(EmailTakenError):
                await patch_user(write, {change: value}, patch_type=PatchType.MERGE)
    users = await database.users.find().to_list()
    identities = [entry for user in users for entry in with_values(user)]
    edits = {edited_key(entry): entry for entry in identities if is_local(entry)}
    gone = [user["identities"] for user in users if user["deleted_at"] is not None]
    return edits, [[entry["key"] for entry in entries if not is_local(entry)] for entries in gone]


def _with_one_race(database: Database, raced_write: int) -> Any:
    class One(Interference):
        writes = 0

        async def before(self) -> None:
            if self.writes == raced_write:
                await super().before()
            self.writes += 1

    return DisturbedDatabase(database, One(database, Random(1), race_pct=100, kill_pct=0))


def _records(random: Random, source: str) -> list[UserRecord]:
    """Few identities, addresses and times: moves, merges, splits, ends and re-creations are common."""
    return [mapped(_record(random, source)) for _ in range(random.randint(4, 14))]


def _record(random: Random, source: str) -> dict[str, Any]:
    wire = {
        "source": source,
        "id": random.randint(1, 3),
        "modified_at": (START + timedelta(days=random.randint(0, 9))).isoformat(),
    }
    if random.random() < 0.25:
        return {**wire, "deleted": True}
    return {
        **wire,
        "email": random.choice(EMAILS),
        "first_name": random.choice(["Ada", "Bo"]),
        "status": random.choice(["active", "blocked"]),
        "created_at": (START - timedelta(days=random.randint(0, 3))).isoformat(),
    }


async def _store_all(database: Any, records: list[UserRecord], random: Random) -> None:
    """Store the records as a run does: two pages at a time, each repeated until it is stored."""
    size = random.randint(1, 5)
    pages = [records[start : start + size] for start in range(0, len(records), size)]
    for start in range(0, len(pages), 2):
        await asyncio.gather(*(_store_page(database, page) for page in pages[start : start + 2]))


async def _store_page(database: Any, page: list[UserRecord]) -> None:
    is_repeated = False
    while True:
        try:
            outcomes = await store(database, page, is_repeated=is_repeated)
        except (KilledError, RecordsBusyError):
            is_repeated = True
            continue
        assert Outcome.QUARANTINED not in outcomes
        return


def _differences(stored: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[str]:
    """Name each differing field of each user, for a message that can be read."""
    found, expected = ({_named(user): user for user in users} for users in (stored, wanted))
    return [
        f"{key} {name}: {found.get(key, {}).get(name)} instead of {expected.get(key, {}).get(name)}"
        for key in sorted(found | expected)
        for name in sorted(found.get(key, {}) | expected.get(key, {}))
        if found.get(key, {}).get(name) != expected.get(key, {}).get(name)
    ]


def _named(user: dict[str, Any]) -> tuple[str, ...]:
    """Name a user by its identities: a deleted user may share its address with another one."""
    return user["email"], *(entry["key"] for entry in user["identities"])


async def _content(database: Database) -> list[dict[str, Any]]:
    hidden = dict.fromkeys(NOT_COMPARED, 0)
    return await database.users.find({}, hidden).sort("email").to_list()
