"""Quarantined records are loaded again by the present settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl import quarantine
from docustore.etl.replay import Replayer, replay
from docustore.etl.replay_report import ReplayReport
from docustore.etl.run import RunEnvironment
from docustore.etl.selection import Selection
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

ALL = Selection()
LATER = {"modified_at": "2026-02-01T00:00:00Z"}


class Quarantine:
    """Reads records of `crm` that must have a location, and replays them by rules without it."""

    def __init__(self, run_source: Run, environment: RunEnvironment, folder: Path) -> None:
        self._run_source = run_source
        self._folder = folder
        lenient = environment.settings.model_copy(update={"etl_quarantine_budget_pct": 100.0})
        self._environment = replace(environment, settings=lenient)

    async def fill(self, *records: dict[str, Any]) -> None:
        path = write_ndjson(self._folder / "a.ndjson", records)
        strict = file_source(path, required=("email", "profile.location"))
        await self._run_source(strict, with_=self._environment)

    async def fill_with_rows(self, text: str) -> None:
        path = self._folder / "a.csv"
        path.write_text(text)
        await self._run_source(file_source(path, required=("email",)), with_=self._environment)

    async def replay(self) -> ReplayReport:
        source = SourceSettings(kind="file", url="/exports/crm.ndjson", required=("email",))
        settings = self._environment.settings.model_copy(update={"sources": {"crm": source}})
        return await replay(Replayer(database=self._environment.database, settings=settings, actor="cli:me"), ALL)


@pytest.fixture
def room(run_source: Run, environment: RunEnvironment, tmp_path: Path) -> Quarantine:
    return Quarantine(run_source, environment, tmp_path)


async def test_record_loads_by_the_present_settings(database: Database, room: Quarantine) -> None:
    await room.fill(user(1), user(2, email="nobody"))

    report = await room.replay()

    assert (report.loaded, report.rejected) == (1, 1)
    [loaded] = await database.users.find().to_list()
    assert loaded["cause"] == {"actor": "etl:crm", "reason": "quarantine replay by cli:me"}
    entries = {entry["identity_key"]: entry async for entry in database.etl_quarantine.find()}
    assert (entries["crm:1"]["state"], entries["crm:1"]["resolved_by"]) == ("resolved", "cli:me")
    assert entries["crm:2"]["state"] == "open"
    assert [error["code"] for error in entries["crm:2"]["errors"]] == ["email_malformed"]


async def test_replay_never_overwrites_a_newer_version(database: Database, room: Quarantine) -> None:
    """Also of a record without a time: it has the time of its reading."""
    for times in ({}, {"modified_at": None}):
        await room.fill(user(1, first_name="Old", **times))
        later = LATER if not times else {}
        await room.fill(user(1, first_name="New", profile={"location": "Delft"}, **{**times, **later}))
        await database.etl_quarantine.update_many({}, {"$set": {"state": "open"}})

        report = await room.replay()

        assert [record.result.value for record in report.records] == ["loaded"]
        assert [found["first_name"] async for found in database.users.find()] == ["New"]
        await database.etl_quarantine.delete_many({})
        await database.users.delete_many({})


async def test_masked_secrets_do_not_matter(database: Database, room: Quarantine) -> None:
    await room.fill(user(1, password_hash="hunter2", first_name="Ada"))

    report = await room.replay()

    stored = await database.users.find_one({})
    assert report.loaded == 1
    assert stored is not None
    assert "***" not in str(stored)
    assert stored["first_name"] == "Ada"


async def test_incomplete_record_cannot_be_replayed(
    database: Database, room: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MAX_KEPT_BYTES", 10)
    await room.fill(user(1))

    report = await room.replay()

    assert (report.impossible, report.records[0].errors[0].code) == (1, "incomplete")
    assert await database.etl_quarantine.count_documents({"state": "open"}) == 1


async def test_row_without_fields_cannot_be_replayed(room: Quarantine) -> None:
    await room.fill_with_rows("id,email\n1,a@x.org,surplus\n")

    report = await room.replay()

    assert [(record.result.value, record.errors[0].code) for record in report.records] == [
        ("impossible", "not_split")
    ]


async def test_record_of_a_merged_account_loads_after_the_merge(database: Database, room: Quarantine) -> None:
    """The reason is gone after a person has acted on it."""
    located = {"profile": {"location": "Delft"}}
    await room.fill(user(1, **located), user(2, **located))
    await database.users.update_one({"email": "user1@example.org"}, {"$set": {"password_hash": "secret"}})
    await room.fill(user(1, **located, **LATER, email="user2@example.org"))
    before = await room.replay()
    await database.users.update_one({"email": "user1@example.org"}, {"$unset": {"password_hash": ""}})

    after = await room.replay()

    assert (before.rejected, before.records[0].errors[0].code, after.loaded) == (1, "account_in_use", 1)
    assert await database.users.count_documents({}) == 1
