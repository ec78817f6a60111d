"""Slots of cron expressions, complete reads, and the order between sources, in the ledger."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.database import Database
from docustore.errors import RunError
from docustore.etl import ledger
from docustore.etl.models import Checkpoint, EtlRun, RunOptions, RunState, RunTrigger, Window
from docustore.etl.pause import release_source
from docustore.etl.schedule import create_run, tick
from docustore.etl.source_status import source_statuses
from docustore.source_settings import SourceSettings

# The server stamps the ends of runs, so slots must be near its time.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)
MIDNIGHT = NOW.replace(hour=0)


def source(**fields: Any) -> SourceSettings:
    return SourceSettings(kind="file", url="/nowhere", **fields)


async def ticked(database: Database, sources: dict[str, SourceSettings], now: datetime) -> dict[str, EtlRun]:
    return {run.source: run for run in await tick(database, sources, now=now, max_attempts=5)}


async def finish(
    database: Database, run: EtlRun, *, is_success: bool = True, since: datetime | None = None
) -> None:
    claim, _ = await ledger.claim(database, str(run.id), owner="w", lease_s=60)
    await ledger.open_window(database, claim, Window(since=since, until=NOW), before=None)
    if is_success:
        await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=NOW))
    else:
        await ledger.fail(database, claim, Checkpoint(), error="broken")


async def test_time_of_the_day_that_passed_before_the_schedule_is_no_slot(database: Database) -> None:
    """An interval is read at once."""
    passed, following = MIDNIGHT + timedelta(hours=3), MIDNIGHT + timedelta(hours=27)
    sources = {"night": source(schedule="0 3 * * *"), "often": source(schedule="every 6h")}

    first = await ticked(database, sources, passed + timedelta(hours=5))
    second = await ticked(database, sources, following + timedelta(hours=2))

    assert set(first) == {"often"}
    assert second["night"].slot == following


async def test_changed_schedule_has_its_latest_slots_only(database: Database) -> None:
    await ticked(database, {"crm": source(schedule="0 3 * * *")}, MIDNIGHT)

    changed = await ticked(database, {"crm": source(schedule="0 5 * * *")}, MIDNIGHT + timedelta(hours=8))
    at_once = await ticked(database, {"crm": source(schedule="55 7 * * *")}, MIDNIGHT + timedelta(hours=8))

    assert changed == {}
    assert at_once["crm"].slot == MIDNIGHT + timedelta(hours=7, minutes=55)


async def test_complete_read_is_due_once_per_time_of_full(database: Database) -> None:
    sources = {"crm": source(full="every 6h")}
    start = NOW.replace(hour=NOW.hour // 6 * 6)

    first = (await ticked(database, sources, start))["crm"]
    await finish(database, first, is_success=False)
    again = (await ticked(database, sources, start + HOUR))["crm"]
    merged = (await ticked(database, sources, start + 2 * HOUR))["crm"]
    await finish(database, merged)
    usual = (await ticked(database, sources, start + 3 * HOUR))["crm"]

    assert [run.options.full for run in (first, again, merged, usual)] == [True, True, True, False]


async def test_run_waits_for_the_success_of_another_source(database: Database) -> None:
    sources = {"hr": source(), "crm": source(after=("hr",))}

    first = await ticked(database, sources, NOW)
    waiting = (await source_statuses(database, sources, now=NOW))[0]
    await finish(database, first["hr"])
    second = await ticked(database, sources, NOW)

    assert set(first) == {"hr"}
    assert (waiting.name, waiting.waits_for) == ("crm", ["hr"])
    assert (set(second), second["crm"].waits_for) == ({"crm"}, ["hr"])
    stored = await ledger.get_run(str(second["crm"].id))
    assert stored.waits_for == []


async def test_run_waits_for_the_next_success_after_a_failure(database: Database) -> None:
    sources = {"hr": source(), "crm": source(after=("hr",))}
    await finish(database, (await ticked(database, sources, NOW - HOUR))["hr"], is_success=False)

    waiting = await ticked(database, sources, NOW - HOUR)
    await finish(database, (await ticked(database, sources, NOW))["hr"])
    started = await ticked(database, sources, NOW)

    assert waiting == {}
    assert (started["crm"].slot, started["crm"].first_slot) == (NOW, NOW - HOUR)


async def test_slow_source_does_not_starve_the_next(database: Database) -> None:
    """The merged run waits for the oldest of its slots, which the slow source reaches at last."""
    sources = {"hr": source(), "crm": source(after=("hr",))}
    slow = (await ticked(database, sources, NOW - HOUR))["hr"]
    claim, _ = await ledger.claim(database, str(slow.id), owner="w", lease_s=7200)

    during = await ticked(database, sources, NOW)
    await ledger.commit(database, claim, Checkpoint(), ledger.RunResult(watermark=NOW))
    after = await ticked(database, sources, NOW)

    assert during == {}
    assert set(after) == {"hr", "crm"}


@pytest.mark.parametrize(
    ("options", "is_released"),
    [({}, True), ({"dry_run": True}, False), ({"until": NOW}, False)],
    ids=["whole", "dry", "window"],
)
async def test_successful_run_by_hand_ends_the_wait(
    database: Database, options: dict[str, Any], is_released: bool
) -> None:
    sources = {"hr": source(), "crm": source(after=("hr",))}
    await finish(database, (await ticked(database, sources, NOW))["hr"], is_success=False)
    by_hand = await create_run("hr", trigger=RunTrigger.CLI, options=RunOptions(**options), now=NOW)
    await finish(database, by_hand)

    assert ("crm" in await ticked(database, sources, NOW)) is is_released


async def test_released_run_starts_without_the_other(database: Database) -> None:
    sources = {"hr": source(), "crm": source(after=("hr",))}
    await ticked(database, sources, NOW)

    released = await release_source(database, "crm", actor="cli:ada")

    assert set(await ticked(database, sources, NOW)) == {"hr", "crm"}
    entry = await database.audit_log.find_one({"action": "etl.release"})
    assert entry is not None
    assert (entry["actor"], entry["before"]) == ("cli:ada", {"waits_for": ["hr"]})
    assert entry["target"] == f"etl_runs/{released.id}"


async def test_nothing_to_release_is_said(database: Database) -> None:
    with pytest.raises(RunError, match="no scheduled run of crm is due"):
        await release_source(database, "crm", actor="cli:ada")


async def test_status_shows_success_watermark_and_overdue(database: Database) -> None:
    sources = {"crm": source()}
    await finish(database, (await ticked(database, sources, NOW))["crm"])
    later = datetime.now(UTC) + timedelta(hours=3)

    [fresh] = await source_statuses(database, sources, now=datetime.now(UTC))
    [stale] = await source_statuses(database, sources, now=later)

    assert (fresh.is_overdue, stale.is_overdue) == (False, True)
    assert fresh.last_state is RunState.SUCCEEDED
    assert fresh.watermark == NOW
    assert stale.freshness_s is not None
    assert stale.freshness_s > 2.9 * 3600


async def test_dry_run_hides_no_failed_run(database: Database) -> None:
    for minute, options in enumerate((RunOptions(), RunOptions(dry_run=True))):
        at = NOW + timedelta(minutes=minute)
        run = await create_run("crm", trigger=RunTrigger.CLI, options=options, now=at)
        await finish(database, run, is_success=options.dry_run)

    [status] = await source_statuses(database, {"crm": source()}, now=NOW + HOUR)

    assert (status.last_state, status.last_error) == (RunState.FAILED, "broken")
