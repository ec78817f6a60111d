"""The facts that all stages of one attempt at a run share."""

from dataclasses import dataclass, field
from datetime import datetime

from docustore.database import Database
from docustore.etl.guards.guards import Guards
from docustore.etl.models import RunOptions
from docustore.etl.observed import Observed
from docustore.etl.transform import RecordRules


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One attempt at a run, as its pages, batches and records see it.

    `started_at` is the start of the run's first attempt. `resumed_since` is the same time if an earlier attempt
    may have written some of the records, and None otherwise. Records written since then count as written by the
    run, not as unchanged.
    """

    database: Database
    run_id: str
    rules: RecordRules
    options: RunOptions
    observed: Observed = field(default_factory=Observed)
    guards: Guards = field(default_factory=Guards)
    started_at: datetime | None = None
    resumed_since: datetime | None = None
