"""The figures of the dashboard."""

import asyncio
from datetime import datetime
from typing import Any, Final, TypedDict

from docustore.analytics.marts import read_marts, utc_day
from docustore.analytics.report import UsersAnalytics, users_analytics
from docustore.changes.status import ChangeStatus, change_status
from docustore.dashboard.trend import Trend, trend_of
from docustore.database import Database
from docustore.etl.incidents import open_incidents
from docustore.etl.queries import RunQuery, last_finished_run, list_runs, open_by_reason, open_records
from docustore.etl.run_record import run_record
from docustore.security.models import Scope

RUNS_SHOWN: Final = 6
# More than a person looks at one by one.
OPEN_COUNTED: Final = 1000


class Summary(TypedDict):
    """The figures of the dashboard; `runs` are run records, latest first.

    `scope` is that of the session: the page offers only what it allows. `last_run` is the last finished run that
    was no dry run; None if there is none. `open_records` is at most 1,000.
    """

    now: datetime
    scope: Scope
    users: UsersAnalytics
    trend: Trend
    runs: list[dict[str, Any]]
    last_run: dict[str, Any] | None
    quarantine: list[dict[str, Any]]
    open_records: int
    open_alerts: int
    changes: ChangeStatus


async def summarise(database: Database, *, scope: Scope, now: datetime) -> Summary:
    """Read all figures of the dashboard.

    Each figure comes from an index or from the live marts, so the cost does not depend on the number of users.
    """
    users, marts, (runs, _), last_run, (reasons, open_, alerts), changes = await asyncio.gather(
        users_analytics(database, now=now),
        read_marts(database),
        list_runs(RunQuery(limit=RUNS_SHOWN)),
        last_finished_run(),
        asyncio.gather(open_by_reason(), open_records(up_to=OPEN_COUNTED), open_incidents(database)),
        change_status(database),
    )
    return {
        "now": now,
        "scope": scope,
        "users": users,
        "trend": trend_of(marts.registrations, today=utc_day(now)),
        "runs": [run_record(run) for run in runs],
        "last_run": None if last_run is None else run_record(last_run),
        "quarantine": reasons,
        "open_records": open_,
        "open_alerts": len(alerts),
        "changes": changes,
    }
