"""Replication lag and free disk space: a migration stops before it does harm."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import OperationFailure

from docustore.database import Database

_PRIMARY: Final = 1
_SECONDARY: Final = 2
_BYTES_PER_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the server says of itself; None where it may not be read."""

    lag_s: float | None
    free_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The greatest lag of a secondary, and the least free disk of MongoDB."""

    max_lag_s: float
    min_free_mb: float


Probe = Callable[[Database], Awaitable[Health]]


async def read_health(database: Database) -> Health:
    """Ask the server for the lag of its secondaries and the free space of its disk."""
    return Health(lag_s=await _lag_s(database), free_mb=await _free_mb(database))


def problem_of(health: Health, limits: Limits) -> str | None:
    """Return why a migration must stop, with the next step; None if it may continue."""
    if health.lag_s is not None and health.lag_s > limits.max_lag_s:
        return (
            f"a secondary is {health.lag_s:.0f} s behind, more than {limits.max_lag_s:g} s: "
            "wait until it has caught up, or use --max-per-s"
        )
    if health.free_mb is not None and health.free_mb < limits.min_free_mb:
        return (
            f"the disk of MongoDB has {health.free_mb:.0f} MB free, less than {limits.min_free_mb:g} MB: "
            "free some space"
        )
    return None


def greatest_lag_s(members: Sequence[Mapping[str, Any]]) -> float:
    """Return how far the slowest secondary is behind the primary.

    A member that is down replicates nothing, and does not count.
    """
    primary = next((member["optimeDate"] for member in members if member["state"] == _PRIMARY), None)
    if primary is None:
        return 0.0
    behind = [(primary - m["optimeDate"]).total_seconds() for m in members if m["state"] == _SECONDARY]
    return max(behind, default=0.0)


async def _lag_s(database: Database) -> float | None:
    try:
        status = await database.client.admin.command("replSetGetStatus")
    except OperationFailure:
        return None  # not allowed for this account, or a sharded cluster
    return greatest_lag_s(status["members"])


async def _free_mb(database: Database) -> float | None:
    try:
        stats = await database.command("dbStats")
    except OperationFailure:
        return None
    if "fsTotalSize" not in stats:
        return None
    return float(stats["fsTotalSize"] - stats["fsUsedSize"]) / _BYTES_PER_MB
