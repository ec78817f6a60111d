"""The collections of the ETL: runs, sources, quarantine, tombstones."""

from datetime import UTC, datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.etl.models import QUARANTINE, RUNS, SOURCES, TOMBSTONES, EtlRun, EtlSource, QuarantinedRecord
from indexes.declaration import CollectionDeclaration
from indexes.validators import validator_of

ETL_RUNS: Final = CollectionDeclaration(
    name=RUNS,
    indexes=(
        # etl.schedule: one run per source and hour whatever dies. Manual runs have no slot.
        IndexModel(
            [("source", ASCENDING), ("slot", ASCENDING)],
            name="source_slot_unique",
            unique=True,
            # A comparison, which leaves null out: the planner never takes `$type` for a slot that is given.
            partialFilterExpression={"slot": {"$gte": datetime.fromtimestamp(0, UTC)}},
        ),
        # etl.ledger: a source is read by one run at a time, whoever asked for it.
        IndexModel(
            [("source", ASCENDING)],
            name="source_running_unique",
            unique=True,
            partialFilterExpression={"state": "running"},
        ),
        # etl.schedule: due runs, and running ones whose lease has expired.
        IndexModel([("state", ASCENDING), ("lease_expires_at", ASCENDING)], name="state_lease_expires_at"),
        # etl.queries: the runs of one source, newest first.
        IndexModel(
            [("source", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="source_created_at"
        ),
        # etl.queries: all runs, newest first.
        IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="created_at"),
    ),
    validator=validator_of(EtlRun),
)

# Read and written by `_id`, the source's name.
ETL_SOURCES: Final = CollectionDeclaration(name=SOURCES, validator=validator_of(EtlSource))

ETL_QUARANTINE: Final = CollectionDeclaration(
    name=QUARANTINE,
    indexes=(
        # etl.quarantine: one document per broken record however often it is read.
        IndexModel(
            [("source", ASCENDING), ("fingerprint", ASCENDING)], name="source_fingerprint_unique", unique=True
        ),
        # etl.queries: what waits for somebody, latest first.
        IndexModel(
            [("source", ASCENDING), ("state", ASCENDING), ("last_seen_at", DESCENDING), ("_id", DESCENDING)],
            name="source_state_last_seen_at",
        ),
        # etl.queries: the same over all sources, for the API and the dashboard.
        IndexModel(
            [("state", ASCENDING), ("last_seen_at", DESCENDING), ("_id", DESCENDING)], name="state_last_seen_at"
        ),
    ),
    validator=validator_of(QuarantinedRecord),
)

# Read and written by `_id`, the identity's key.
ETL_TOMBSTONES: Final = CollectionDeclaration(name=TOMBSTONES)
