"""Compact history in the background, as the settings say."""

import time
from datetime import timedelta
from typing import Final

import structlog

from docustore.changes.horizon import read_horizon
from docustore.clock import now_utc
from docustore.config import Settings
from docustore.database import Database
from docustore.errors import CompactionBusyError
from docustore.history.compaction import Order, compact

log: Final = structlog.get_logger()
# The rest follows at the next call. About 100,000 changes are looked at in this time.
BUDGET_S: Final = 20.0


async def keep_history_compact(database: Database, settings: Settings, *, budget_s: float = BUDGET_S) -> int:
    """Compact for a bounded time the states that ended before the limit.

    Returns:
        The number of compacted states.
    """
    days = settings.history_compact_after_days
    if not days:
        return 0
    deadline = time.monotonic() + budget_s
    horizon = await read_horizon(database)
    order = Order(
        older_than=now_utc() - timedelta(days=days),
        seq=horizon.seq,
        is_over=lambda _: time.monotonic() >= deadline,
    )
    try:
        done = await compact(database, order)
    except CompactionBusyError:
        return 0
    if done.compacted:
        log.info("history.compacted", rows=done.rows, compacted=done.compacted, is_complete=done.is_complete)
    return done.compacted
