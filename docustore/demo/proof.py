"""Checks in the database, past the API, that everything reconciles."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from docustore.changes.effects.check import differences
from docustore.changes.effects.registry import EFFECTS
from docustore.database import Database
from docustore.users.stored import USERS

OUTCOMES: Final = ("inserted", "updated", "unchanged", "stale", "quarantined", "deactivated")


async def discrepancies(
    database: Database, *, runs: Sequence[Mapping[str, Any]], applied: int, analytics: Mapping[str, Any]
) -> list[str]:
    """List the discrepancies as sentences; empty when everything reconciles.

    Checked: the outcomes of each run against its records read, the live marts against a full aggregation, the
    total of the API against the users in the store, and the history rows against the applied changes.
    """
    found = [
        f"run {run['id']} read {run['counts']['read']} records and accounts for {accounted}"
        for run in runs
        if (accounted := sum(run["counts"][name] for name in OUTCOMES)) != run["counts"]["read"]
    ]
    found += await differences(database, EFFECTS)
    users = await database[USERS].count_documents({"deleted_at": None})
    if analytics["total_users"] != users:
        found.append(f"analytics counts {analytics['total_users']} users, the collection {users}")
    rows = await database["user_history"].count_documents({})
    if rows != applied:
        found.append(f"history has {rows} rows for {applied} applied changes")
    return found
