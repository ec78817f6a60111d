"""An unusual number of records, for the slot in the week."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.database import Database
from docustore.etl.incidents import open_incidents
from docustore.etl.models import Counts, EtlRun, RunState, RunTrigger
from docustore.etl.watch import watch
from docustore.source_settings import SourceSettings

SOURCES = {"crm": SourceSettings(kind="http", url="http://127.0.0.1:1/users", overdue_after_s=10**8)}
SLOT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
WEEK = timedelta(weeks=1)


async def ran(at: datetime, read: int, *, has_slot: bool = True, left_out: bool = False) -> None:
    await EtlRun(
        source="crm",
        slot=at if has_slot else None,
        trigger=RunTrigger.SCHEDULE,
        state=RunState.SUCCEEDED,
        created_at=at,
        finished_at=at + timedelta(minutes=1),
        counts=Counts(read=read, unchanged=read),
        left_out_known=left_out,
    ).insert()


async def looked(database: Database) -> list[str]:
    await watch(database, SOURCES, now=datetime.now(UTC), is_told=True)
    return [each["kind"] for each in await open_incidents(database)]


async def weeks(number: int = 4) -> None:
    """Weeks with 100 records at this hour, and 3 at the hour before."""
    for week in range(1, number + 1):
        await ran(SLOT - week * WEEK, 100 + week)
        await ran(SLOT - week * WEEK - timedelta(hours=1), 3)


@pytest.mark.parametrize(
    ("read", "is_unusual"), [(100, False), (60, False), (40, True), (1, True), (150, False), (160, True)]
)
async def test_volume_is_compared_with_the_same_slot(database: Database, read: int, *, is_unusual: bool) -> None:
    await weeks()
    await ran(SLOT, read)

    assert await looked(database) == (["volume_unusual"] if is_unusual else [])


async def test_little_at_night_is_usual(database: Database) -> None:
    await weeks()
    await ran(SLOT - timedelta(hours=1), 3)

    assert await looked(database) == []


@pytest.mark.parametrize("case", ["young", "by hand", "left out"])
async def test_what_cannot_be_compared_is_not_unusual(database: Database, case: str) -> None:
    await weeks(3 if case == "young" else 4)
    await ran(SLOT, 1, has_slot=case != "by hand", left_out=case == "left out")

    assert await looked(database) == []


async def test_empty_source_is_told_once(database: Database) -> None:
    await weeks()
    await ran(SLOT, 0)

    assert await looked(database) == ["no_records"]


async def test_incident_ends_with_a_usual_run(database: Database) -> None:
    """A run that cannot be compared ends nothing."""
    await weeks()
    await ran(SLOT, 10)
    unusual = [await looked(database), await looked(database)]
    await database["etl_incidents"].update_many({}, {"$set": {"opened_at": SLOT + timedelta(minutes=2)}})
    await ran(SLOT + timedelta(minutes=5), 100, has_slot=False)
    by_hand = await looked(database)
    for week in range(1, 5):
        await ran(SLOT + timedelta(hours=1) - week * WEEK, 100)
    await ran(SLOT + timedelta(hours=1), 100)
    usual = await looked(database)

    assert (unusual, by_hand, usual) == ([["volume_unusual"]] * 2, ["volume_unusual"], [])
    events = [each["event"] async for each in database["alert_messages"].find()]
    assert sorted(events) == ["etl.recovered", "etl.volume_unusual"]
