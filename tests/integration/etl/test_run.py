"""Whole runs of a file on the real server."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from docustore.database import Database
from docustore.etl.models import Counts, RunState
from docustore.etl.run import RunEnvironment
from docustore.etl.run_record import run_record
from docustore.users.fields import completed_fields
from docustore.users.stored import SCHEMA_VERSION
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

LATER = {"modified_at": "2026-02-01T00:00:00Z"}


async def test_run_stores_and_counts_every_record(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1), user(2), user(3, email="nobody"), user(4, status="odd")])

    run = await run_source(file_source(path))

    assert run.state is RunState.SUCCEEDED
    assert run_record(run)["counts"] == {
        "read": 4, "inserted": 3, "updated": 0, "unchanged": 0,
        "stale": 0, "quarantined": 1, "deactivated": 0, "warnings": 1,
    }  # fmt: skip
    assert run.quality == {"/email email_malformed": 1, "status_unknown": 1}
    assert await database.users.count_documents({}) == 3


async def test_unread_keys_are_listed(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1, phone="1"), user(2, phone="2", profile={"shoe": 43})])

    run = await run_source(file_source(path))

    assert run_record(run)["unread"] == {
        "sampled": 2,
        "names": [{"name": "phone", "records": 2}, {"name": "profile.shoe", "records": 1}],
    }


async def test_bad_row_is_quarantined_with_its_line(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = tmp_path / "UP.CSV"
    path.write_text("E-Mail;Vorname;Last Name\na@x.org;Ada;May\nb@x.org;Bob;Lee;Jr\n")
    names = {"first_name": "Vorname"}

    run = await run_source(file_source(path, map=names))

    kept = await database.etl_quarantine.find_one({})
    assert (run.state, run.counts.inserted, run.quality) == (RunState.SUCCEEDED, 1, {"/ field_count": 1})
    assert kept is not None
    assert kept["raw"] == "b@x.org;Bob;Lee;Jr\n"
    assert kept["errors"][0]["detail"] == "line 3: the row has 4 fields, the header has 3"


async def test_huge_bad_line_costs_one_line(database: Database, run_source: Run, tmp_path: Path) -> None:
    """Invalid bytes are stored as escapes, which once made a document too large."""
    path = write_ndjson(tmp_path / "a.ndjson", [user(1)])
    path.write_bytes(path.read_bytes() + b"\xff" * 5_000_000 + b"\n")

    run = await run_source(file_source(path))

    kept = await database.etl_quarantine.find_one({})
    assert (run.state, run.counts.inserted, run.counts.quarantined) == (RunState.SUCCEEDED, 1, 1)
    assert kept is not None
    assert kept["raw_bytes"] - kept["omitted_bytes"] == len(kept["raw"]) // len("\\xff")


async def test_stored_user_has_the_whole_shape(database: Database, run_source: Run, tmp_path: Path) -> None:
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [user(1, createdAt="2020-05-01T00:00:00Z")]))
    run = await run_source(source)

    stored = await database.users.find_one({})

    assert stored is not None
    assert stored.pop("_id") is not None
    assert stored.pop("updated_at") > stored["created_at"]
    assert stored.pop("created_at").year == 2020
    [identity] = stored.pop("identities")
    assert (identity["key"], set(identity)) == ("crm:1", {"key", "modified_at", "hash"})
    mapped = completed_fields({"email": "user1@example.org", "first_name": "User", "last_name": "1"})
    del mapped["created_at"]
    assert stored == {
        **mapped,
        "local_roles": [],
        "search_terms": ["1", "example", "example.org", "org", "user", "user1", "user1@example.org"],
        "updated_by": "etl:crm", "cause": {"actor": "etl:crm", "run_id": str(run.id)},
        "deleted_at": None, "version": 1, "schema_version": SCHEMA_VERSION,
    }  # fmt: skip


async def test_same_input_again_writes_nothing(database: Database, run_source: Run, tmp_path: Path) -> None:
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [user(n) for n in range(5)]))
    await run_source(source)
    before = await database.users.find().sort("_id").to_list()

    run = await run_source(source)

    assert (run.counts.unchanged, run.counts.read) == (5, 5)
    assert await database.users.find().sort("_id").to_list() == before


async def test_newer_record_updates_and_keeps_local_fields(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """A replacement of the whole document would erase them."""
    await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [user(1)])))
    local = {"password_hash": "secret", "local_roles": ["owner"], "roles": ["owner"]}
    await database.users.update_one({}, {"$set": local})
    before = await database.users.find_one({})

    run = await run_source(file_source(write_ndjson(tmp_path / "b.ndjson", [user(1, first_name="New", **LATER)])))

    after = await database.users.find_one({})
    assert before is not None
    assert after is not None
    assert run.counts.updated == 1
    assert (after["first_name"], after["version"]) == ("New", 2)
    for kept in ("_id", "password_hash", "local_roles", "roles", "created_at"):
        assert after[kept] == before[kept]


async def test_quarantine_keeps_the_record_and_counts_it(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(
        '{"id": 9, "email": \n' + '{"id": 1, "email": "a@example.org", "first_name": "A", "last_name": "B"}\n'
    )
    source = file_source(path)
    first = await run_source(source)

    await run_source(source)

    [kept] = await database.etl_quarantine.find().to_list()
    assert kept["raw"] == '{"id": 9, "email": \n'
    assert (kept["position"], kept["seen"], kept["state"]) == ("1", 2, "open")
    assert [error["code"] for error in kept["errors"]] == ["json_malformed"]
    assert first.counts.inserted == 1


async def test_huge_field_is_quarantined_whole(database: Database, run_source: Run, tmp_path: Path) -> None:
    records = [user(1, bio="x"), user(2, profile={"bio": "x" * 3_000_000}), user(3)]

    run = await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", records)))

    [kept] = await database.etl_quarantine.find().to_list()
    assert (run.counts.inserted, run.counts.quarantined) == (2, 1)
    assert kept["errors"][0]["code"] == "too_large"
    assert kept["raw_bytes"] == len(kept["raw"]) > 3_000_000


async def test_too_many_bad_records_fail_the_run(database: Database, run_source: Run, tmp_path: Path) -> None:
    """The good records are stored; only the watermark does not move."""
    records = [user(n, email="bad") for n in range(30)] + [user(n) for n in range(100, 110)]

    run = await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", records)))

    assert (run.state, run.counts.quarantined, run.counts.inserted) == (RunState.FAILED, 30, 10)
    assert run.error is not None
    assert "DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT" in run.error
    assert await database.etl_sources.find_one({"_id": "crm"}) is None


async def test_small_file_of_bad_records_fails_every_run(run_source: Run, tmp_path: Path) -> None:
    """A file is read whole every time, so the budget counts also after the first run."""
    path = tmp_path / "a.ndjson"
    await run_source(file_source(write_ndjson(path, [user(1)])))

    run = await run_source(file_source(write_ndjson(path, [user(n, email="bad") for n in range(8)])))

    assert (run.state, run.counts.quarantined) == (RunState.FAILED, 8)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"<html>502</html>", "HTML"), (b"\x7fELF\0\0", "binary")]
)
async def test_bad_file_fails_the_run(run_source: Run, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(content)

    run = await run_source(file_source(path))

    assert run.state is RunState.FAILED
    assert run.error is not None
    assert reason in run.error


async def test_dry_run_counts_and_writes_nothing(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1), user(2, email="bad")])

    run = await run_source(file_source(path), dry_run=True)

    assert (run.counts.inserted, run.counts.quarantined) == (1, 1)
    assert run_record(run)["dry_run"] is True
    assert run.watermark.after is None
    for collection in ("users", "etl_quarantine", "etl_sources"):
        assert await database[collection].count_documents({}) == 0


async def test_window_by_hand_bounds_a_file(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", [user(1), user(2, **LATER)])

    run = await run_source(file_source(path), since="2026-01-15T00:00:00Z", until="2026-03-01T00:00:00Z")

    assert (run.counts.read, run.counts.inserted) == (1, 1)
    assert run.watermark.after is None


async def test_window_starts_a_lag_before_the_watermark(
    run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    source = file_source(write_ndjson(tmp_path / "a.ndjson", [user(1)]))
    first = await run_source(source)

    second = await run_source(source)

    assert first.watermark.after == first.window.until == second.watermark.before
    assert first.watermark.after is not None
    assert second.window.since is not None
    lag = first.watermark.after - second.window.since
    assert lag.total_seconds() == environment.settings.etl_lag_window_s


async def test_tombstone_deactivates(database: Database, run_source: Run, tmp_path: Path) -> None:
    await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [user(1)])))

    run = await run_source(file_source(write_ndjson(tmp_path / "b.ndjson", [{"id": 1, "deleted": True, **LATER}])))

    assert run.counts.deactivated == 1
    stored = await database.users.find_one({})
    assert stored is not None
    assert stored["status"] == "inactive"


async def test_tombstone_before_its_record(database: Database, run_source: Run, tmp_path: Path) -> None:
    gone: dict[str, Any] = {"id": 1, "deleted": True, **LATER}
    await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [gone])))

    await run_source(file_source(write_ndjson(tmp_path / "b.ndjson", [user(1)])))

    stored = await database.users.find_one({})
    assert stored is not None
    assert stored["status"] == "inactive"


async def test_merged_away_user_with_a_password_stays(
    database: Database, run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    """An upstream change never deletes an account; the record is quarantined."""
    await run_source(file_source(write_ndjson(tmp_path / "a.ndjson", [user(1), user(2)])))
    await database.users.update_one({"email": "user1@example.org"}, {"$set": {"password_hash": "secret"}})
    lenient = environment.settings.model_copy(update={"etl_quarantine_budget_pct": 100.0})

    moved = user(1, email="user2@example.org", **LATER)
    run = await run_source(
        file_source(write_ndjson(tmp_path / "b.ndjson", [moved])), with_=replace(environment, settings=lenient)
    )

    assert (run.counts.quarantined, run.quality) == (1, {"/ account_in_use": 1})
    assert await database.users.count_documents({"password_hash": "secret"}) == 1


async def test_unavailable_database_puts_the_run_off(
    run_source: Run, tmp_path: Path, environment: RunEnvironment
) -> None:
    """A long restart of the server is not an error of the run."""

    def cut(_: Counts) -> None:
        raise AutoReconnect("connection closed")

    source = file_source(write_ndjson(tmp_path / "a.ndjson", [user(1)]))

    run = await run_source(source, with_=replace(environment, on_progress=cut))

    assert (run.state, run.attempts) == (RunState.DUE, 1)
    assert run.error is not None
    assert "MongoDB does not answer" in run.error
