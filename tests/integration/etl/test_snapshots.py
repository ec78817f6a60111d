"""Records that were deleted upstream, found by full readings."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.errors import AutoReconnect

from docustore.database import Database
from docustore.etl.guards.approval import approve_run
from docustore.etl.guards.diffs import find_diff
from docustore.etl.models import Counts, RunState, RunTrigger
from docustore.etl.run import RunEnvironment
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

FULL = {"full": True}


def snapshots(path: Path, *records: dict[str, Any], **fields: Any) -> SourceSettings:
    return file_source(write_ndjson(path, records), deletes="snapshot", **fields)


async def active(database: Database) -> list[str]:
    found = await database.users.find({"status": "active"}, {"last_name": 1}).sort("last_name").to_list()
    return [user["last_name"] for user in found]


async def test_record_absent_twice_is_deactivated(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    await run_source(snapshots(path, user(1), user(2), user(3)), **FULL)
    await run_source(snapshots(path, user(3), user(4)), name="hr", **FULL)

    once = await run_source(snapshots(path, user(1), user(3)), **FULL)
    active_once = await active(database)
    twice = await run_source(snapshots(path, user(1), user(3)), **FULL)
    active_twice = await active(database)
    again = await run_source(snapshots(path, user(1), user(3)), **FULL)

    assert [(r.snapshot.absent, r.snapshot.deactivated) for r in (once, twice, again) if r.snapshot] == [
        (1, 0), (0, 1), (0, 0),
    ]  # fmt: skip
    assert (active_once, active_twice) == (["1", "2", "3", "4"], ["1", "3", "4"])
    assert twice.counts.is_balanced
    assert await database.etl_snapshots.count_documents({"source": "crm"}) == 0


async def test_record_that_returns_between_readings_stays(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    for records in ([user(1), user(2)], [user(1)], [user(1), user(2)], [user(1)]):
        await run_source(snapshots(path, *records), **FULL)

    assert await active(database) == ["1", "2"]


async def test_record_that_comes_back_is_active_again(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    for records in ([user(1), user(2)], [user(1)], [user(1)]):
        await run_source(snapshots(path, *records), **FULL)
    gone = await active(database)

    back = await run_source(snapshots(path, user(1), user(2)), **FULL)
    again = await run_source(snapshots(path, user(1), user(2)), **FULL)

    assert (gone, await active(database)) == (["1"], ["1", "2"])
    assert (back.counts.updated, again.counts.unchanged) == (1, 2)


async def test_mass_loss_deactivates_no_user_until_approved(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """A directory that lost its records is not a directory without people."""
    path = tmp_path / "a.ndjson"
    await run_source(snapshots(path, *(user(n) for n in range(40))), **FULL)
    rest = [user(n) for n in range(20)]
    await run_source(snapshots(path, *rest), **FULL)

    held = await run_source(snapshots(path, *rest), **FULL)
    active_held = len(await active(database))
    entered = await approve_run(
        database, str(held.id), actor="cli:test", now=datetime.now(UTC), trigger=RunTrigger.CLI
    )
    run = await run_source(snapshots(path, *rest), again=str(entered.id), **FULL)

    assert held.hold is not None
    assert (held.state, held.hold.total["deactivated"], active_held) == (RunState.FAILED, 20, 40)
    assert (run.state, len(await active(database))) == (RunState.SUCCEEDED, 20)
    assert run.snapshot is not None
    assert run.snapshot.deactivated == 20


async def test_reading_with_an_unreadable_record_concludes_nothing(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """A record that is rejected is not gone, and one without an id could be any."""
    path = tmp_path / "a.ndjson"
    await run_source(snapshots(path, user(1), user(2), user(3)), **FULL)
    for _ in range(2):
        rejected = await run_source(snapshots(path, user(1), user(2), user(3, email="broken")), **FULL)
    for _ in range(2):
        source = snapshots(path, user(1), user(2))
        path.write_bytes(path.read_bytes() + b"{broken\n")
        unreadable = await run_source(source, **FULL)

    assert rejected.snapshot is not None
    assert unreadable.snapshot is not None
    assert (rejected.snapshot.absent, unreadable.snapshot.is_complete) == (0, False)
    assert await active(database) == ["1", "2", "3"]


async def test_dry_run_says_who_would_go(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    await run_source(snapshots(path, user(1), user(2)), **FULL)
    await run_source(snapshots(path, user(1)), **FULL)

    dry = await run_source(snapshots(path, user(1)), dry_run=True, **FULL)

    assert dry.snapshot is not None
    assert (dry.snapshot.absent, dry.snapshot.deactivated) == (0, 1)
    assert await active(database) == ["1", "2"]
    found = await find_diff(database, str(dry.id))
    assert [(sample.outcome, sample.identities) for sample in found.samples] == [("deactivated", ["crm:2"])]


async def test_resumed_reading_has_seen_its_first_pages(
    database: Database, run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    """Otherwise the records before the checkpoint would look absent."""
    path = tmp_path / "a.ndjson"
    small = environment.settings.model_copy(update={"etl_batch_size": 2, "etl_batches_in_flight": 1})
    whole = replace(environment, settings=small)

    def cut(counts: Counts) -> None:
        if counts.read == 4:
            raise AutoReconnect("connection closed")

    for _ in range(3):
        source = snapshots(path, *(user(n) for n in range(6)))
        put_off = await run_source(source, with_=replace(whole, on_progress=cut), **FULL)
        run = await run_source(source, again=str(put_off.id), with_=whole)
        assert (put_off.state, run.state, run.counts.read) == (RunState.DUE, RunState.SUCCEEDED, 6)

    assert run.snapshot is not None
    assert (run.snapshot.absent, run.snapshot.seen) == (0, 6)
    assert len(await active(database)) == 6


async def test_window_by_hand_concludes_nothing(run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    await run_source(snapshots(path, user(1), user(2)), **FULL)

    run = await run_source(snapshots(path, user(1)), since="2020-01-01T00:00:00Z", until="2030-01-01T00:00:00Z")

    assert run.snapshot is None


async def test_mapped_key_of_a_rejected_record_is_seen(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    path, mapping = tmp_path / "a.ndjson", {"id": "Nr", "email": "Mail"}
    records = [{**user(n), "Nr": f"p{n}", "Mail": f"user{n}@example.org"} for n in (1, 2)]
    await run_source(snapshots(path, *records, map=mapping, required=["email"]), **FULL)
    rejected = {**records[1], "Mail": "broken"}

    for _ in range(2):
        run = await run_source(snapshots(path, records[0], rejected, map=mapping, required=["email"]), **FULL)

    assert run.snapshot is not None
    assert (run.snapshot.absent, run.snapshot.problem) == (0, None)
    assert run.new_fields == []
    assert await database.users.count_documents({"status": "active"}) == 2


async def test_unchanged_file_of_a_folder_is_not_absent(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """Other runs of a folder read only its changed files."""
    write_ndjson(tmp_path / "a.ndjson", [user(1)])
    source = file_source(tmp_path, deletes="snapshot")
    for last_name in "abc":
        write_ndjson(tmp_path / "b.ndjson", [user(2, last_name=last_name)])
        run = await run_source(source)

    assert run.snapshot is not None
    assert (run.counts.read, run.snapshot.absent, run.snapshot.deactivated) == (2, 0, 0)
    assert await database.users.count_documents({"status": "active"}) == 2
