"""The collections of the ETL: runs, sources, quarantine, tombstones."""

from datetime import UTC, datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.etl.alert_outbox import KEPT_FOR, MESSAGES
from docustore.etl.guards.diffs import KEPT
from docustore.etl.incidents import INCIDENTS
from docustore.etl.late_store import LATE_VERSIONS as LATE_VERSIONS_NAME
from docustore.etl.memory import MEMORIES
from docustore.etl.models import (
    DIFFS,
    QUARANTINE,
    RUNS,
    SNAPSHOTS,
    SOURCES,
    TOMBSTONES,
    EtlRun,
    EtlSource,
    QuarantinedRecord,
)
from indexes.declaration import CollectionDeclaration
from indexes.validators import validator_of

ETL_RUNS: Final = CollectionDeclaration(
    name=RUNS,
    indexes=(
        # etl.slots: one run per source and slot. Manual runs have no slot.
        IndexModel(
            [("source", ASCENDING), ("slot", ASCENDING)],
            name="source_slot_unique",
            unique=True,
            # A comparison excludes null. With `$type`, the planner would not use the index for a given slot.
            partialFilterExpression={"slot": {"$gte": datetime.fromtimestamp(0, UTC)}},
        ),
        # etl.ledger: one live run and one backfill at a time read a source.
        IndexModel(
            [("source", ASCENDING), ("lane", ASCENDING)],
            name="source_running_unique",
            unique=True,
            partialFilterExpression={"state": "running"},
        ),
        # etl.lineage_outbox: runs with pending lineage events. A comparison excludes null.
        IndexModel(
            [("lineage.next_attempt_at", ASCENDING)],
            name="lineage_next_attempt_at",
            partialFilterExpression={"lineage.next_attempt_at": {"$gte": datetime.fromtimestamp(0, UTC)}},
        ),
        # etl.watch: failed runs of which no incident was made yet.
        IndexModel(
            [("finished_at", ASCENDING)],
            name="failed_unnoted",
            partialFilterExpression={"state": "failed", "alerted_at": None},
        ),
        # etl.schedule: due runs, and running runs with an expired lease.
        IndexModel([("state", ASCENDING), ("lease_expires_at", ASCENDING)], name="state_lease_expires_at"),
        # etl.queries: the runs of one source, newest first.
        IndexModel(
            [("source", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="source_created_at"
        ),
        # etl.source_status, etl.order, etl.slots: the successes of one source, latest first.
        IndexModel(
            [("source", ASCENDING), ("finished_at", DESCENDING)],
            name="source_succeeded_finished_at",
            partialFilterExpression={"state": "succeeded", "options.dry_run": False},
        ),
        # etl.queries: all runs, newest first.
        IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="created_at"),
    ),
    validator=validator_of(EtlRun),
)

# Read and written by `_id`, the source's name.
ETL_SOURCES: Final = CollectionDeclaration(name=SOURCES, validator=validator_of(EtlSource))

# etl.memory: read and written by `_id`, the source's name.
ETL_MEMORIES: Final = CollectionDeclaration(name=MEMORIES)

ETL_QUARANTINE: Final = CollectionDeclaration(
    name=QUARANTINE,
    indexes=(
        # etl.quarantine: one document per rejected record, even if many runs read it.
        IndexModel(
            [("source", ASCENDING), ("fingerprint", ASCENDING)], name="source_fingerprint_unique", unique=True
        ),
        # etl.queries: the records of one source by state, last seen first.
        IndexModel(
            [("source", ASCENDING), ("state", ASCENDING), ("last_seen_at", DESCENDING), ("_id", DESCENDING)],
            name="source_state_last_seen_at",
        ),
        # etl.open_entries: the open records of one source by identity; a run reads all of them from the index.
        IndexModel(
            [
                ("source", ASCENDING),
                ("state", ASCENDING),
                ("identity_key", ASCENDING),
                ("fingerprint", ASCENDING),
            ],
            name="source_state_identity_key",
        ),
        # etl.queries: the records of all sources by state, for the API and the dashboard.
        IndexModel(
            [("state", ASCENDING), ("last_seen_at", DESCENDING), ("_id", DESCENDING)], name="state_last_seen_at"
        ),
    ),
    validator=validator_of(QuarantinedRecord),
)

ETL_SNAPSHOTS: Final = CollectionDeclaration(
    name=SNAPSHOTS,
    indexes=(
        # etl.guards: the keys that one run has seen, or found absent.
        IndexModel([("source", ASCENDING), ("run_id", ASCENDING)], name="source_run_id"),
    ),
)

ETL_DIFFS: Final = CollectionDeclaration(
    name=DIFFS,
    indexes=(
        # The server's own query, once a minute: deletes the outdated differences.
        IndexModel(
            [("created_at", ASCENDING)], name="created_at_expiry", expireAfterSeconds=int(KEPT.total_seconds())
        ),
    ),
)

# etl.store: read and written by `_id`, the identity's key.
ETL_TOMBSTONES: Final = CollectionDeclaration(name=TOMBSTONES)

LATE_VERSIONS: Final = CollectionDeclaration(
    name=LATE_VERSIONS_NAME,
    indexes=(
        # warehouse.views: the late versions of one user. etl.late_store reads and writes by `_id`.
        IndexModel([("user_id", ASCENDING)], name="user_id"),
        # warehouse.late_numbers: the versions without a number, oldest first.
        IndexModel([("recorded_at", ASCENDING)], name="unnumbered", partialFilterExpression={"number": None}),
        # warehouse.export: the versions after a number.
        IndexModel(
            [("number", ASCENDING)],
            name="number_unique",
            unique=True,
            partialFilterExpression={"number": {"$gt": 0}},
        ),
    ),
)

ETL_INCIDENTS: Final = CollectionDeclaration(
    name=INCIDENTS,
    indexes=(
        # etl.incidents: one open incident of each kind and source.
        IndexModel(
            [("kind", ASCENDING), ("source", ASCENDING)],
            name="open_kind_source_unique",
            unique=True,
            partialFilterExpression={"is_open": True},
        ),
        # etl.incidents: those that have ended lately, latest first.
        IndexModel([("closed_at", DESCENDING)], name="closed_at"),
    ),
)

ALERT_MESSAGES: Final = CollectionDeclaration(
    name=MESSAGES,
    indexes=(
        # etl.alert_outbox: the messages that are due, oldest first.
        IndexModel([("state", ASCENDING), ("next_attempt_at", ASCENDING)], name="state_next_attempt_at"),
        IndexModel([("at", ASCENDING)], name="at_expiry", expireAfterSeconds=int(KEPT_FOR.total_seconds())),
    ),
)
