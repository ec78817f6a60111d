"""The state of each configured source, for people and programs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from pymongo import DESCENDING

from docustore.database import Database
from docustore.etl.freshness import overdue_at
from docustore.etl.models import RUNS, SOURCES, RunState
from docustore.etl.queries import open_by_source
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings

Row = Mapping[str, Any]


class Pause(BaseModel):
    """Since when, by whom and why a source is paused."""

    at: datetime | None
    by: str | None
    reason: str | None


class SourceStatus(BaseModel):
    """One configured source."""

    name: str
    kind: SourceKind
    schedule: str
    timezone: str = Field(description="the zone of cron expressions")
    full: str | None = Field(description="when a run reads everything; null if never by itself")
    after: list[str] = Field(description="the sources that must succeed first")
    next_slot: datetime | None = Field(description="null without a schedule, or while the source is paused")
    last_success_at: datetime | None = Field(
        description="the end of the last successful run; dry runs do not count"
    )
    last_state: RunState | None = Field(description="how the last finished run ended; dry runs do not count")
    last_error: str | None
    watermark: datetime | None
    pause: Pause | None = Field(description="null while the source is not paused")
    freshness_s: float | None = Field(description="seconds since the last success")
    watermark_lag_s: float | None = Field(description="seconds since the watermark")
    overdue_at: datetime | None = Field(description="from this time on the source is overdue without a success")
    is_overdue: bool
    open_quarantine: int
    running_run: str | None
    waiting_run: str | None = Field(description="a due run that waits for the sources in `waits_for`")
    waits_for: list[str]
    held_run: str | None = Field(description="the latest run that waits for approval")


async def source_statuses(
    database: Database, sources: Mapping[str, SourceSettings], *, now: datetime, counts_quarantine: bool = True
) -> list[SourceStatus]:
    """Describe every configured source, by name.

    Args:
        counts_quarantine: False saves the count of open records, which takes longer the more there are.
    """
    rows = {row["_id"]: row async for row in database[SOURCES].find({"_id": {"$in": sorted(sources)}})}
    running = {row["source"]: row async for row in database[RUNS].find({"state": RunState.RUNNING}, {"source": 1})}
    quarantined = await open_by_source() if counts_quarantine else {}
    return [
        _status(
            name,
            source,
            row=rows.get(name, {}),
            success=await last_success(database, name),
            last=await _last_finished(database, name),
            running=running.get(name),
            waiting=await _waiting(database, name),
            open_quarantine=quarantined.get(name, 0),
            now=now,
        )
        for name, source in sorted(sources.items())
    ]


async def last_success(database: Database, name: str) -> Row | None:
    """Return the last successful run of a source that read up to its present."""
    return await database[RUNS].find_one(successes_of(name), sort=[("finished_at", DESCENDING)])


def successes_of(name: str) -> dict[str, Any]:
    """Match the successful runs of a source that read up to its present.

    Dry runs do not, nor do runs with a window given by hand.
    """
    return {
        "source": name,
        "state": RunState.SUCCEEDED,
        "options.dry_run": False,
        "options.since": None,
        "options.until": None,
    }


async def _last_finished(database: Database, name: str) -> Row | None:
    # A dry run has loaded nothing, so a good one must not hide a failed run.
    finished = {
        "source": name,
        "state": {"$in": [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]},
        "options.dry_run": {"$ne": True},
    }
    return await database[RUNS].find_one(
        finished, {"state": 1, "error": 1}, sort=[("created_at", DESCENDING), ("_id", DESCENDING)]
    )


async def _waiting(database: Database, name: str) -> Row | None:
    waiting = {"source": name, "state": RunState.DUE, "waits_for.0": {"$exists": True}}
    return await database[RUNS].find_one(waiting, {"waits_for": 1}, sort=[("created_at", DESCENDING)])


def _status(  # noqa: PLR0913  # the parts of one answer
    name: str,
    source: SourceSettings,
    *,
    row: Row,
    success: Row | None,
    last: Row | None,
    running: Row | None,
    waiting: Row | None,
    open_quarantine: int,
    now: datetime,
) -> SourceStatus:
    is_paused = bool(row.get("paused"))
    rule = source.recurrence
    success_at = success["finished_at"] if success is not None else None
    known = (success_at, row.get("schedule_since"), row.get("resumed_at"))
    limit = None if is_paused else overdue_at(source, known=known)
    watermark = row.get("watermark")
    return SourceStatus(
        name=name,
        kind=source.kind,
        schedule=source.schedule,
        timezone=source.timezone,
        full=source.full,
        after=list(source.after),
        next_slot=None if rule is None or is_paused else rule.next_after(now),
        last_success_at=success_at,
        last_state=last["state"] if last is not None else None,
        last_error=last["error"] if last is not None else None,
        watermark=watermark,
        pause=_pause(row) if is_paused else None,
        freshness_s=_age_s(success_at, now),
        watermark_lag_s=_age_s(watermark, now),
        overdue_at=limit,
        is_overdue=limit is not None and now >= limit,
        open_quarantine=open_quarantine,
        running_run=str(running["_id"]) if running is not None else None,
        waiting_run=str(waiting["_id"]) if waiting is not None else None,
        waits_for=waiting["waits_for"] if waiting is not None else [],
        held_run=_held_run(row),
    )


def _pause(row: Row) -> Pause:
    return Pause(at=row.get("paused_at"), by=row.get("paused_by"), reason=row.get("pause_reason"))


def _held_run(row: Row) -> str | None:
    held = row.get("held") or {}
    return None if held.get("is_rejected") else held.get("run_id")


def _age_s(time: datetime | None, now: datetime) -> float | None:
    return None if time is None else max(0.0, (now - time).total_seconds())
