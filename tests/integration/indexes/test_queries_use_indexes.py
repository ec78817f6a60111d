"""Every declared index serves the query that its comment names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from docustore.database import Database
from docustore.etl.guards.known import live_identities
from indexes.declared import COLLECTIONS
from tests.integration.indexes.index_documents import START, documents

NEWEST_FIRST = {"created_at": -1, "_id": -1}
LATEST_FIRST = {"at": -1, "_id": -1}
LIVE = {"deleted_at": None}
WAITING = {"destination": "webhook:a", "state": "pending"}


@dataclass(frozen=True, kw_only=True)
class Query:
    collection: str
    index: str
    filter: Mapping[str, Any]
    sort: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.collection}.{self.index}"


QUERIES = [
    Query(collection="users", index="identity_key_unique", filter={"identities.key": {"$in": ["crm:5", "crm:6"]}}),
    Query(collection="users", index="identity_key_unique", filter=live_identities("rare")),
    Query(collection="users", index="email_unique", filter={"email": "user5@example.org", **LIVE}),
    Query(collection="users", index="created_at", filter=LIVE, sort=NEWEST_FIRST),
    Query(
        collection="users",
        index="created_at",
        filter={"created_at": {"$gte": START, "$lt": START + timedelta(hours=9)}, **LIVE},
        sort=NEWEST_FIRST,
    ),
    Query(
        collection="users", index="status_created_at", filter={"status": "suspended", **LIVE}, sort=NEWEST_FIRST
    ),
    Query(collection="users", index="role_created_at", filter={"roles": "rare", **LIVE}, sort=NEWEST_FIRST),
    Query(collection="users", index="tag_created_at", filter={"tags": "rare", **LIVE}, sort=NEWEST_FIRST),
    Query(
        collection="users",
        index="location_created_at",
        filter={"profile.location": "Atlantis", **LIVE},
        sort=NEWEST_FIRST,
    ),
    Query(
        collection="users", index="search_terms", filter={"search_terms": {"$regex": "^user55"}}, sort=NEWEST_FIRST
    ),
    # `users.recent_matches` names it, where the terms are matched too.
    Query(collection="users", index="updated_at", filter={"updated_at": {"$gte": START}}),
    Query(
        collection="user_search",
        index="word_created_at",
        filter={"$and": [{"words": {"$in": ["rare"]}}]},
        sort=NEWEST_FIRST,
    ),
    Query(collection="user_search", index="created_at", filter={"words": {"$regex": "^comm"}}, sort=NEWEST_FIRST),
    Query(collection="search_atoms", index="tails", filter={"tails": {"$regex": "^tail55"}}),
    Query(collection="user_history", index="user_sequence", filter={"user_id": 5}, sort={"_id": -1}),
    # feed.rows: the next rows of one user.
    Query(
        collection="user_history",
        index="user_sequence",
        filter={"user_id": 5, "_id": {"$gt": 0, "$lte": 10**6}},
        sort={"_id": 1},
    ),
    Query(collection="late_versions", index="user_id", filter={"user_id": 5}),
    Query(collection="late_versions", index="unnumbered", filter={"number": None}, sort={"recorded_at": 1}),
    Query(
        collection="late_versions",
        index="number_unique",
        filter={"number": {"$gt": 3, "$lte": 6}},
        sort={"number": 1},
    ),
    Query(collection="etl_runs", index="source_slot_unique", filter={"source": "crm", "slot": START}),
    Query(collection="etl_runs", index="source_running_unique", filter={"source": "crm", "state": "running"}),
    Query(
        collection="etl_runs",
        index="state_lease_expires_at",
        filter={"state": "running", "lease_expires_at": {"$lt": START + timedelta(hours=5)}},
    ),
    Query(collection="etl_runs", index="source_created_at", filter={"source": "crm"}, sort={"created_at": -1}),
    Query(
        collection="etl_runs",
        index="source_succeeded_finished_at",
        filter={"source": "idp", "state": "succeeded", "options.dry_run": False},
        sort={"finished_at": -1},
    ),
    Query(
        collection="etl_runs",
        index="failed_unnoted",
        filter={"state": "failed", "alerted_at": None},
        sort={"finished_at": 1},
    ),
    Query(
        collection="etl_incidents",
        index="open_kind_source_unique",
        filter={"kind": "overdue", "source": "crm", "is_open": True},
    ),
    Query(
        collection="etl_incidents",
        index="closed_at",
        filter={"closed_at": {"$gte": START + timedelta(hours=5)}},
        sort={"closed_at": -1},
    ),
    Query(
        collection="alert_messages",
        index="state_next_attempt_at",
        filter={"state": "pending", "next_attempt_at": {"$lt": START + timedelta(hours=5)}},
    ),
    Query(
        collection="change_listeners",
        index="heartbeat_at_expiry",
        filter={"heartbeat_at": {"$lt": START + timedelta(hours=5)}},
    ),
    Query(collection="alert_messages", index="at_expiry", filter={"at": {"$lt": START + timedelta(hours=5)}}),
    Query(
        collection="etl_runs",
        index="lineage_next_attempt_at",
        filter={"lineage.next_attempt_at": {"$lt": START + timedelta(hours=5), "$gte": START}},
        sort={"lineage.next_attempt_at": 1},
    ),
    Query(collection="etl_runs", index="created_at", filter={}, sort={"created_at": -1, "_id": -1}),
    Query(
        collection="etl_quarantine",
        index="source_fingerprint_unique",
        filter={"source": "crm", "fingerprint": "f5"},
    ),
    Query(
        collection="etl_quarantine",
        index="source_state_last_seen_at",
        filter={"source": "crm", "state": "open"},
        sort={"last_seen_at": -1, "_id": -1},
    ),
    Query(
        collection="etl_quarantine",
        index="source_state_identity_key",
        filter={"source": "crm", "state": "open", "identity_key": "crm:5"},
    ),
    Query(
        collection="etl_quarantine",
        index="state_last_seen_at",
        filter={"state": "open"},
        sort={"last_seen_at": -1, "_id": -1},
    ),
    Query(collection="etl_snapshots", index="source_run_id", filter={"source": "crm", "run_id": "r5"}),
    Query(collection="api_keys", index="hash_unique", filter={"hash": "h5"}),
    Query(
        collection="idempotency_keys",
        index="created_at_expiry",
        filter={"created_at": {"$lt": START + timedelta(hours=5)}},
    ),
    Query(
        collection="etl_diffs",
        index="created_at_expiry",
        filter={"created_at": {"$lt": START + timedelta(hours=5)}},
    ),
    *(
        Query(
            collection=name, index="expires_at_expiry", filter={"expires_at": {"$lt": START + timedelta(hours=5)}}
        )
        for name in ("sessions", "login_tokens")
    ),
    Query(collection="audit_log", index="at", filter={}, sort=LATEST_FIRST),
    *(
        Query(collection="audit_log", index=f"{name}_at", filter={name: "rare"}, sort=LATEST_FIRST)
        for name in ("actor", "action", "target")
    ),
    Query(
        collection="outbox",
        index="pending_due_at",
        filter={**WAITING, "due_at": {"$lte": START + timedelta(hours=50)}},
        sort={"due_at": 1},
    ),
    Query(
        collection="outbox",
        index="pending_lane_number",
        filter={**WAITING, "lane": {"$in": [100]}},
        sort={"number": 1},
    ),
    Query(collection="outbox", index="pending_number", filter=WAITING, sort={"number": 1}),
    Query(
        collection="outbox",
        index="expires_at_expiry",
        filter={"expires_at": {"$lt": START + timedelta(hours=5), "$exists": True}},
    ),
    Query(collection="user_quality", index="violated", filter={"violated": "rare"}, sort={"_id": 1}),
    Query(
        collection="user_quality",
        index="violated",
        filter={"violated": "rare", "$expr": {"$gt": ["$_id", {"$literal": 5}]}},
        sort={"_id": 1},
    ),
    Query(
        collection="user_quality",
        index="clock",
        filter={"clocks": {"$elemMatch": {"rule": "old", "at": {"$lt": START + timedelta(hours=5)}}}},
    ),
    Query(
        collection="user_quality",
        index="key",
        filter={"keys": {"$elemMatch": {"rule": "one", "value": "v7"}}},
        sort={"_id": 1},
    ),
    Query(
        collection="quality_values",
        index="shared",
        filter={"_id.rule": "one", "_id.value": {"$gt": "v5"}, "users": {"$gt": 1}},
        sort={"_id.value": 1},
    ),
    Query(
        collection="quality_reports",
        index="bucket_at",
        filter={"bucket": "hour", "at": {"$gte": START, "$lt": START + timedelta(hours=5)}},
        sort={"at": 1},
    ),
    Query(
        collection="quality_checks",
        index="finished_at_expiry",
        filter={"finished_at": {"$gte": START}},
        sort={"finished_at": -1},
    ),
    Query(collection="user_analytics", index="gone", filter={"gone": True}),
    *(
        Query(
            collection="analytics_values",
            index=metric,
            filter={"_id.d": {"$in": ["", "rare"]}},
            sort={metric: -1, "_id.v": 1},
        )
        for metric in ("present", "registered")
    ),
    Query(collection="exports", index="at_expiry", filter={"at": {"$lt": START + timedelta(hours=5)}}),
    Query(
        collection="report_deliveries", index="report_slot_unique", filter={"report": "rare"}, sort={"slot": -1}
    ),
    Query(
        collection="report_deliveries",
        index="due_at",
        filter={"state": "due", "due_at": {"$lte": START + timedelta(hours=500)}},
        sort={"due_at": 1},
    ),
    Query(
        collection="report_deliveries",
        index="expires_at_expiry",
        filter={"expires_at": {"$lt": START + timedelta(hours=5)}},
    ),
    Query(
        collection="change_dead_letters",
        index="state_key_cluster_time",
        filter={"state": "failed", "key": "k5"},
        sort={"cluster_time": 1},
    ),
]


def stages(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in (*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else ())):
        yield from stages(inner)


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_query_uses_its_index(database: Database, query: Query) -> None:
    await database.command(
        "insert", query.collection, documents=documents(query.collection), bypassDocumentValidation=True
    )

    explained = await database.command(
        "explain",
        {"find": query.collection, "filter": query.filter, "sort": query.sort, "limit": 20},
        verbosity="queryPlanner",
    )

    used = [stage for stage in stages(explained["queryPlanner"]["winningPlan"]) if stage["stage"] == "IXSCAN"]
    # One scan per value of an `$in`, merged in the order of the sort.
    assert {stage["indexName"] for stage in used} == {query.index}


def test_every_declared_index_has_a_query() -> None:
    """An index that serves nothing costs every write."""
    declared = {(d.name, index.document["name"]) for d in COLLECTIONS for index in d.indexes}

    assert {(query.collection, query.index) for query in QUERIES} == declared
