"""The figures of the ETL for the metrics."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from docustore.database import Database
from docustore.etl.alert_outbox import messages_by_state
from docustore.etl.incidents import IncidentKind, open_incidents
from docustore.etl.lineage_outbox import lineage_backlog
from docustore.etl.models import RUNS, RunState
from docustore.etl.source_status import source_statuses
from docustore.source_settings import SourceSettings

PERIOD: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtlFigures:
    """Ages by source, runs by state, alerts; every state and kind is present."""

    freshness_s: Mapping[str, float | None]
    watermark_lag_s: Mapping[str, float | None]
    runs_by_state: Mapping[str, int]
    messages_by_state: Mapping[str, int]
    incidents_by_kind: Mapping[str, int]
    lineage_pending: int
    lineage_oldest_s: float | None


async def etl_figures(database: Database, sources: Mapping[str, SourceSettings], *, now: datetime) -> EtlFigures:
    """Read all figures; each one comes from an index."""
    statuses, runs, messages, incidents, lineage = await asyncio.gather(
        source_statuses(database, sources, now=now),
        _runs_by_state(database, now=now),
        messages_by_state(database),
        open_incidents(database),
        lineage_backlog(database, now=now),
    )
    kinds = Counter(incident["kind"] for incident in incidents)
    return EtlFigures(
        freshness_s={status.name: status.freshness_s for status in statuses},
        watermark_lag_s={status.name: status.watermark_lag_s for status in statuses},
        runs_by_state=runs,
        messages_by_state=messages,
        incidents_by_kind={kind.value: kinds[kind.value] for kind in IncidentKind},
        lineage_pending=lineage.runs,
        lineage_oldest_s=lineage.oldest_s,
    )


async def _runs_by_state(database: Database, *, now: datetime) -> dict[str, int]:
    pipeline: list[dict[str, Any]] = [
        {"$match": {"created_at": {"$gte": now - PERIOD}}},
        {"$group": {"_id": "$state", "runs": {"$sum": 1}}},
    ]
    counted = {row["_id"]: row["runs"] async for row in await database[RUNS].aggregate(pipeline)}
    return {state.value: counted.get(state.value, 0) for state in RunState}
