"""The figures of the dashboard."""

import asyncio
from datetime import datetime
from typing import Any, Final, TypedDict

from docustore.analytics.report import UsersAnalytics, users_analytics
from docustore.changes.status import ChangeStatus, change_status
from docustore.database import Database
from docustore.etl.queries import RunQuery, last_finished_run, list_runs, open_by_reason
from docustore.etl.run_record import run_record

TREND_DAYS: Final = 60
RUNS_SHOWN: Final = 8


class Summary(TypedDict):
    """The figures of the dashboard; `runs` are run records, latest first.

    `last_run` is the last finished run that was no dry run; None if there is none.
    """

    now: datetime
    trend_days: int
    users: UsersAnalytics
    runs: list[dict[str, Any]]
    last_run: dict[str, Any] | None
    quarantine: list[dict[str, Any]]
    changes: ChangeStatus


async def summarise(database: Database, *, now: datetime) -> Summary:
    """Read all figures of the dashboard.

    Each figure comes from an index or from the live marts, so the cost does not depend on the number of users.
    """
    users, (runs, _), last_run, quarantine, changes = await asyncio.gather(
        users_analytics(database, now=now, days=TREND_DAYS),
        list_runs(RunQuery(limit=RUNS_SHOWN)),
        last_finished_run(),
        open_by_reason(),
        change_status(database),
    )
    return {
        "now": now,
        "trend_days": TREND_DAYS,
        "users": users,
        "runs": [run_record(run) for run in runs],
        "last_run": None if last_run is None else run_record(last_run),
        "quarantine": quarantine,
        "changes": changes,
    }
