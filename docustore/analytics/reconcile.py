"""Compare the live marts with a full aggregation at the same instant."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from docustore.analytics.marts import STATS, TOTALS_ID, UserMarts, read_marts
from docustore.analytics.pipelines import marts_from_groups, marts_pipeline
from docustore.cluster_time import last_applied
from docustore.database import Database, Document
from docustore.past_reads import aggregate_at
from docustore.transient import SNAPSHOT_TOO_OLD
from docustore.users.partition import is_in
from docustore.users.stored import USERS

_POLL_S: Final = 0.05


class Pair(NamedTuple):
    """A figure of the marts and the same figure of the collection."""

    mart: int
    actual: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MartsDifference:
    """Where the marts differ from the collection.

    `figures` is keyed by name (`total`, `by_status.active`, `registrations.2024-05-01`). `as_of` is the compared
    instant. `is_same_instant` is False where the listener was too far behind to read both sides at one instant.
    The difference then includes the changes that are not applied yet.
    """

    figures: Mapping[str, Pair]
    as_of: datetime
    is_same_instant: bool

    @property
    def is_empty(self) -> bool:
        """True when every figure is equal."""
        return not self.figures


async def reconcile(database: Database, *, timeout_s: float = 10.0) -> MartsDifference:
    """Compare every figure of the marts with a full aggregation over `users`.

    Consistent while writers and the listener work: the marts name their cluster time, and the collection is read
    as of that time. With partitions, the users of each are read as of its own time. Scans `users`; changes
    nothing.

    Args:
        timeout_s: The longest wait for marts that belong to one cluster time. A listener with a backlog reaches
            such a state when it has caught up.
    """
    exact = await _exact_marts(database, timeout_s=timeout_s)
    if exact is not None:
        marts, instants = exact
        try:
            actual = await _marts_at_instants(database, instants)
            earliest = min(instant.cluster_time for instant in instants)
            return _difference(marts, actual, earliest, is_same_instant=True)
        except OperationFailure as exc:
            # The server keeps 300 s of past states; an older state cannot be compared, only the present.
            if exc.code != SNAPSHOT_TOO_OLD:
                raise
    return await _compare_now(database)


async def marts_at(database: Database, cluster_time: Timestamp, *, only: Document | None = None) -> UserMarts:
    """Compute the marts of `users` as of a cluster time, by full aggregation.

    Args:
        only: The query of the users that count; None for all.

    Raises:
        OperationFailure: Code 239, the server no longer keeps that state.
    """
    pipeline = marts_pipeline() if only is None else [{"$match": only}, *marts_pipeline()]
    groups = await aggregate_at(database, USERS, pipeline, cluster_time)
    return marts_from_groups(groups)


class _Instant(NamedTuple):
    """Users and the time at which the marts count them."""

    cluster_time: Timestamp
    only: Document | None


def _instants(totals: Document) -> list[_Instant] | None:
    """Return the times of the marts; None while a part of them has no single one."""
    parts = totals.get("partitions")
    if parts is None:
        return [_Instant(totals["cluster_time"], None)] if totals["is_exact"] else None
    if not all(part["is_exact"] for part in parts):
        return None
    return [
        _Instant(part["cluster_time"], {"$expr": is_in("$_id", index=index, of=len(parts))})
        for index, part in enumerate(parts)
    ]


async def _marts_at_instants(database: Database, instants: Iterable[_Instant]) -> UserMarts:
    total = UserMarts()
    for instant in instants:
        total.include(await marts_at(database, instant.cluster_time, only=instant.only))
    return total.without_zeros()


async def _exact_marts(database: Database, *, timeout_s: float) -> tuple[UserMarts, list[_Instant]] | None:
    deadline = time.monotonic() + timeout_s
    while True:
        # One snapshot for all documents of the marts: the listener writes them in one transaction.
        async with database.client.start_session(snapshot=True) as session:
            totals = await database[STATS].find_one({"_id": TOTALS_ID}, session=session)
            if totals is not None and (instants := _instants(totals)) is not None:
                return await read_marts(database, session=session), instants
        if totals is None or time.monotonic() >= deadline:
            return None
        await asyncio.sleep(_POLL_S)


async def _compare_now(database: Database) -> MartsDifference:
    cluster_time = await last_applied(database)
    marts = await read_marts(database)
    return _difference(marts, await marts_at(database, cluster_time), cluster_time, is_same_instant=False)


def _difference(
    marts: UserMarts, actual: UserMarts, cluster_time: Timestamp, *, is_same_instant: bool
) -> MartsDifference:
    mart_figures, actual_figures = dict(_figures(marts)), dict(_figures(actual))
    names = mart_figures.keys() | actual_figures.keys()
    pairs = {name: Pair(mart_figures.get(name, 0), actual_figures.get(name, 0)) for name in sorted(names)}
    return MartsDifference(
        figures={name: pair for name, pair in pairs.items() if pair.mart != pair.actual},
        as_of=cluster_time.as_datetime(),
        is_same_instant=is_same_instant,
    )


def _figures(marts: UserMarts) -> Iterator[tuple[str, int]]:
    yield "total", marts.total
    yield "dated", marts.dated
    yield "created_at_sum_s", marts.created_at_sum_s
    for status, count in marts.by_status.items():
        yield f"by_status.{status}", count
    for day, count in marts.registrations.items():
        yield f"registrations.{day}", count
