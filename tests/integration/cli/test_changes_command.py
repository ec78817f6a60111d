"""`docustore changes` and the checks of `docustore doctor`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from docustore.changes import control
from docustore.cli.checks.changes import changes_findings
from docustore.config import Settings
from docustore.database import Client, Database
from docustore.document_models import open_database
from docustore.effect_states import EFFECT_STATES
from docustore.embedded.servers import embedded_servers
from docustore.errors import UnsupportedStoreError
from docustore.quality.stored import USER_QUALITY
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.listening import listening
from tests.waiting import until


async def test_commands_steer_the_listener(settings: Settings, database: Database) -> None:
    variables = addresses(settings)

    paused = await run_docustore("changes", "pause", "--json", **variables)
    resumed = await run_docustore("changes", "resume", "--json", **variables)
    letters = await run_docustore("changes", "dead-letters", "--json", **variables)
    missing = await run_docustore("changes", "dead-letters", "--skip", "none", "--json", **variables)

    assert (paused.document["state"], resumed.document["state"]) == ("paused", "new")
    assert letters.document == []
    assert (missing.exit_code, missing.document["error"]["type"]) == (1, "NotFoundError")
    entries = await database["audit_log"].find().sort("at", 1).to_list()
    assert [entry["action"] for entry in entries] == ["changes.pause", "changes.resume"]
    assert all(entry["actor"].startswith("cli:") for entry in entries)


async def test_effects_are_shown_and_rebuilt(settings: Settings, database: Database) -> None:
    variables = addresses(settings)

    shown = await run_docustore("changes", "effects", "--json", **variables)
    rebuilt = await run_docustore("changes", "rebuild", "user_stats", "--json", **variables)
    table = await run_docustore("changes", "effects", **variables)
    refused = await run_docustore("changes", "rebuild", "user_history", "--json", **variables)

    assert {each["name"] for each in shown.document} >= {"user_history", "user_stats"}
    assert {each["state"] for each in rebuilt.document} == {"building"}
    assert "user_stats" in table.stdout
    assert (refused.exit_code, refused.document["error"]["type"]) == (1, "InvalidInputError")
    (entry,) = await database["audit_log"].find().to_list()
    assert (entry["action"], entry["target"]) == ("effects.rebuild", "change_effects/user_stats")


async def test_effects_of_a_listener_that_has_run_are_shown(settings: Settings, database: Database) -> None:
    """It stores numbers of history with 64 bits, a type of the driver."""
    live = {"_id": USER_QUALITY, "state": "live"}
    async with listening(database, settings):
        await until(lambda: database[EFFECT_STATES].find_one(live), what="the quality is live")

    shown = await run_docustore("changes", "effects", "--json", **addresses(settings))

    assert {each["name"]: each["seq"] for each in shown.document}["user_quality"] == 0


async def test_doctor_warns_of_a_gap_until_it_is_accepted(settings: Settings, database: Database) -> None:
    closed = {"reason": "reset", "policy": "now", "closed_at": datetime(2026, 1, 1, tzinfo=UTC)}
    await database["change_gaps"].insert_one({"_id": "users:reset:1", **closed})
    variables = addresses(settings)

    before = {finding.check: finding for finding in await changes_findings(settings)}["gaps"]
    table = await run_docustore("changes", "gaps", **variables)
    accepted = await run_docustore("changes", "gaps", "--accept", "users:reset:1", "--json", **variables)
    missing = await run_docustore("changes", "gaps", "--accept", "none", "--json", **variables)
    after = {finding.check: finding for finding in await changes_findings(settings)}["gaps"]

    assert (before.status, before.seen) == ("warning", "1 that no person has accepted")
    assert "changes gaps" in (before.next_step or "")
    assert "users:reset:1" in table.stdout
    assert accepted.document["accepted_by"].startswith("cli:")
    assert (missing.exit_code, missing.document["error"]["type"]) == (1, "NotFoundError")
    assert (after.status, after.seen) == ("ok", "1 on record, all accepted")


async def test_doctor_looks_at_effects(settings: Settings, database: Database) -> None:
    failed = {"_id": "user_stats", "version": 1, "state": "failed", "error": "KeyError"}
    await database["change_effects"].insert_one(failed)

    found = {finding.check: finding for finding in await changes_findings(settings)}

    assert (found["effects"].status, found["effects"].seen) == ("failed", "user_stats failed: KeyError")
    assert "changes rebuild user_stats" in (found["effects"].next_step or "")


async def test_doctor_looks_at_listener_position_and_letters(settings: Settings, database: Database) -> None:
    await control.pause(database, actor="cli:ada")
    await database["change_dead_letters"].insert_one({"_id": "82AB", "key": b"", "state": "failed"})

    found = {finding.check: finding for finding in await changes_findings(settings)}

    assert (found["listener"].status, found["listener"].seen) == ("warning", "paused")
    assert found["change position"].status == "ok"
    assert found["dead letters"].seen == "1 open"
    assert found["feature compatibility"].status == "ok"


async def test_old_compatibility_version_is_refused(tmp_path: Path) -> None:
    """Set on a real server; its events would have no wall time and no images."""
    async with embedded_servers(tmp_path) as own:
        settings = Settings(mongodb_url=own.mongodb_url, redis_url=own.redis_url, data_dir=tmp_path)
        async with open_database(settings, app_name="docustore-tests") as database:
            root: Client = AsyncMongoClient(own.mongodb_root_url)
            async with root:
                await root.admin.command({"setFeatureCompatibilityVersion": "5.0"})
            findings = await changes_findings(settings)
            async with listening(database, settings) as listener:
                with pytest.raises(UnsupportedStoreError, match=r"version 5.0.*needs 6.0"):
                    await listener

    assert [(finding.check, finding.status) for finding in findings] == [("feature compatibility", "failed")]
