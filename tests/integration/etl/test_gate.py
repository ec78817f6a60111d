"""The quality gate of a source, in runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docustore.database import Database
from docustore.etl.guards.approval import approve_run
from docustore.etl.incidents import open_incidents
from docustore.etl.models import RunState, RunTrigger
from docustore.etl.watch import watch
from docustore.source_settings import SourceSettings
from tests.integration.etl.conftest import Run, file_source, user, write_ndjson

REQUIRED = ("email",)


def source(path: Path, mode: str, **limit: Any) -> SourceSettings:
    gate = {"mode": mode, "rules": {"last_name_present": limit or {"count": 1}}}
    return file_source(path, required=REQUIRED, quality_gate=gate)


def records(bad: int, good: int = 5) -> list[dict[str, Any]]:
    return [user(n, last_name="") for n in range(bad)] + [user(n) for n in range(bad, bad + good)]


async def test_blocked_run_waits_and_its_approval_accepts_as_much(
    database: Database, run_source: Run, tmp_path: Path
) -> None:
    """The watermark moves only with the approved run, and the next run has the limits of its source again."""
    path = write_ndjson(tmp_path / "a.ndjson", records(3))
    blocked = source(path, "block")

    held = await run_source(blocked)
    [stored] = await database.etl_sources.find().to_list()
    entered = await approve_run(
        database, str(held.id), actor="cli:test", now=datetime.now(UTC), trigger=RunTrigger.CLI
    )
    approved = await run_source(blocked, again=str(entered.id))
    write_ndjson(path, records(4))
    again = await run_source(blocked, full=True)

    assert (held.state, held.needs_approval, held.failure) == (RunState.FAILED, True, "ApprovalNeededError")
    assert held.hold is not None
    assert (held.hold.codes, held.hold.quality) == (["quality"], {"last_name_present": 3})
    assert (held.quality["gate:judged"], held.quality["gate:violated:last_name_present"]) == (8, 3)
    assert held.gate is not None
    assert not held.gate.is_passed
    assert "last_name_present in 3" in (held.error or "")
    assert (stored.get("watermark"), stored["held"]["run_id"]) == (None, str(held.id))
    assert (approved.state, approved.watermark.after) == (RunState.SUCCEEDED, held.window.until)
    assert (again.state, again.needs_approval) == (RunState.FAILED, True)


async def test_approval_accepts_no_more_than_was_held(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(3))
    blocked = source(path, "block")
    held = await run_source(blocked)
    entered = await approve_run(
        database, str(held.id), actor="cli:test", now=datetime.now(UTC), trigger=RunTrigger.CLI
    )
    write_ndjson(path, records(4))

    run = await run_source(blocked, again=str(entered.id))

    assert (run.state, run.needs_approval) == (RunState.FAILED, True)


async def test_run_within_the_limits_succeeds(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(1))

    run = await run_source(source(path, "block"))

    assert (run.state, run.gate is not None and run.gate.is_passed) == (RunState.SUCCEEDED, True)


async def test_warning_gate_alerts_until_a_run_passes(database: Database, run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(3))
    warned = source(path, "warn")

    async def looked() -> list[str]:
        await watch(database, {"crm": warned}, now=datetime.now(UTC), is_told=True)
        return [each["kind"] for each in await open_incidents(database)]

    first = await run_source(warned)
    told = [await looked(), await looked()]
    write_ndjson(path, records(0))
    good = await run_source(warned, full=True)
    after = await looked()

    assert (first.state, first.watermark.after is not None) == (RunState.SUCCEEDED, True)
    assert first.gate is not None
    assert str(first.gate) == "3 of 8 records violate last_name_present (limit 1)"
    assert told == [["gate_not_passed"]] * 2
    assert (good.state, after) == (RunState.SUCCEEDED, [])
    messages = await database.alert_messages.find().to_list()
    assert sorted(each["event"] for each in messages) == ["etl.gate_not_passed", "etl.recovered"]


async def test_dry_run_says_that_the_run_would_be_held(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(3))

    run = await run_source(source(path, "block"), dry_run=True)

    assert (run.state, run.needs_approval) == (RunState.SUCCEEDED, False)
    assert run.hold is not None
    assert run.hold.quality == {"last_name_present": 3}


async def test_source_without_a_gate_judges_nothing(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(3))

    run = await run_source(file_source(path, required=REQUIRED))

    assert (run.state, run.gate) == (RunState.SUCCEEDED, None)
    assert not [name for name in run.quality if name.startswith("gate:")]


async def test_gate_with_an_unknown_rule_fails_the_run(run_source: Run, tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "a.ndjson", records(0))
    gate = {"rules": {"mailbox_unique": {"count": 0}}}

    run = await run_source(file_source(path, quality_gate=gate))

    assert run.state is RunState.FAILED
    assert "mailbox_unique is no rule that can judge a record" in (run.error or "")
