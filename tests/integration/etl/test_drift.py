"""New fields of a source that nothing reads, and fields that it lacks now."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from docustore.database import Database
from docustore.etl.incidents import open_incidents
from docustore.etl.models import Counts, EtlRun, RunState, RunTrigger
from docustore.etl.watch import watch
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

SOURCES = {"crm": SourceSettings(kind="http", url="http://127.0.0.1:1/users", overdue_after_s=10**8)}
BEGIN = datetime.now(UTC) - timedelta(hours=5)


async def ran(hour: int, *new_fields: str) -> None:
    at = BEGIN + timedelta(hours=hour)
    await EtlRun(
        source="crm",
        slot=None,
        trigger=RunTrigger.API,
        state=RunState.SUCCEEDED,
        created_at=at,
        finished_at=at,
        counts=Counts(read=1, unchanged=1),
        new_fields=list(new_fields),
    ).insert()


async def looked(database: Database, hour: int) -> list[str]:
    await watch(database, SOURCES, now=BEGIN + timedelta(hours=hour, minutes=1), is_told=True)
    return [each["kind"] for each in await open_incidents(database)]


async def test_new_fields_are_told_once_and_end_with_a_run_without(database: Database) -> None:
    await ran(0, "first_fields", "are_all_new")
    first = await looked(database, 0)
    await ran(1, "E-Mail", *(f"f{number}" for number in range(30)))
    drifted = [await looked(database, 1), await looked(database, 1)]
    await ran(2)
    after = await looked(database, 2)

    assert (first, drifted, after) == ([], [["new_fields"]] * 2, [])
    messages = await database["alert_messages"].find(sort=[("at", 1)]).to_list()
    assert [each["event"] for each in messages] == ["etl.new_fields", "etl.recovered"]
    assert messages[0]["body"]["fields"].startswith("E-Mail, f0, f1, ")
    assert messages[0]["body"]["fields"].endswith("f18, and 11 more")


async def test_more_new_fields_keep_the_alert(database: Database) -> None:
    await ran(0)
    await ran(1, "mail")
    await looked(database, 1)
    await ran(2, "e_mail")

    assert await looked(database, 2) == ["new_fields"]


async def test_missing_field_is_told_once_and_recovers(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """A run of few records changes nothing; the next one with the field ends the alert."""
    whole = [user(n, profile={"bio": "B"}) for n in range(20)]
    lossy = [user(n, modified_at="2026-11-02T00:00:00Z") for n in range(20)]
    path = tmp_path / "crm.ndjson"
    sources = {"crm": file_source(path, overdue_after_s=10**8)}
    seen, runs = [], []
    for records in (whole, lossy, lossy[:3], whole):
        runs.append(await run_source(file_source(write_ndjson(path, records)), full=True))
        await watch(database, sources, now=datetime.now(UTC), is_told=True)
        seen.append([each["kind"] for each in await open_incidents(database)])

    assert [run.missing_fields for run in runs] == [[], ["profile"], [], []]
    assert seen == [[], ["missing_fields"], ["missing_fields"], []]
    messages = await database["alert_messages"].find(sort=[("at", 1)]).to_list()
    assert [each["event"] for each in messages] == ["etl.missing_fields", "etl.recovered"]
    assert (messages[0]["body"]["fields"], messages[0]["body"]["run_id"]) == ("profile", str(runs[1].id))
