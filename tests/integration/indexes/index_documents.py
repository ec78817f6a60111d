"""Documents for which one index is better than another."""

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 1, 1, tzinfo=UTC)


def documents(collection: str) -> list[dict[str, Any]]:
    """Enough for one index to be better than another: 600, one in 100 of them rare."""
    return [_document(collection, n) for n in range(600)]


def _document(collection: str, n: int) -> dict[str, Any]:
    at = START + timedelta(hours=n)
    is_rare = n % 100 == 0
    match collection:
        case "users":
            return {
                "email": f"user{n}@example.org",
                "status": "suspended" if is_rare else "active",
                "profile": {"location": "Atlantis" if is_rare else "Utrecht"},
                "roles": ["rare"] if is_rare else ["member"],
                "tags": ["rare"] if is_rare else ["common"],
                "identities": [{"key": f"crm:{n}", "modified_at": at, "hash": "0"}],
                "search_terms": ["example", "org", f"user{n}"],
                "created_at": at,
                "deleted_at": None,
            }
        case "etl_runs" | "etl_incidents" | "alert_messages" | "outbox" | "report_deliveries":
            return _operation(collection, n)
        case (
            "sessions"
            | "login_tokens"
            | "audit_log"
            | "exports"
            | "quality_checks"
            | "user_search"
            | "search_atoms"
            | "change_listeners"
        ):
            word = "rare" if is_rare else "common"
            found = {
                "finished_at": at,
                "words": [word, f"w{n}"],
                "tails": [f"tail{n}"],
                "created_at": at,
                "heartbeat_at": at,
            }
            return {"expires_at": at, "at": at, "actor": word, "action": word, "target": word, **found}
        case (
            "late_versions"
            | "user_quality"
            | "quality_values"
            | "quality_reports"
            | "user_history"
            | "user_analytics"
            | "analytics_values"
        ):
            return _kept(collection, n)
        case "change_dead_letters":
            return {"state": "failed" if is_rare else "skipped", "key": f"k{n % 60}", "cluster_time": n}
        case _:
            return {"source": "crm" if n % 10 == 0 else "idp", "fingerprint": f"f{n}", "state": "open"} | {
                "hash": f"h{n}",
                "run_id": f"r{n}",
                "created_at": at,
                "identity_key": f"crm:{n}",
                "last_seen_at": at,
            }


def _kept(collection: str, n: int) -> dict[str, Any]:
    is_rare = n % 100 == 0
    value = {"rule": "one", "value": f"v{n}"}
    if collection in {"user_history", "late_versions"}:
        late = {"user_id": n, "recorded_at": START + timedelta(hours=n), "number": None if is_rare else n}
        return late if collection == "late_versions" else {"_id": n, "user_id": n % 60}
    if collection == "user_analytics":
        return {"gone": is_rare}
    if collection == "analytics_values":
        return {"_id": {"d": "rare" if is_rare else "tag", "v": f"v{n}"}, "present": n, "registered": n}
    if collection == "quality_values":
        return {"_id": value, "users": 2 if is_rare else 1}
    if collection == "quality_reports":
        return {"bucket": "hour", "at": START + timedelta(hours=n)}
    clocks = [{"rule": "old", "at": START + timedelta(hours=n)}]
    return {"violated": ["rare"] if is_rare else ["common"], "clocks": clocks, "keys": [value]}


def _operation(collection: str, n: int) -> dict[str, Any]:
    at = START + timedelta(hours=n)
    is_rare = n % 100 == 0
    match collection:
        case "etl_runs":
            state = "running" if n < len(("crm", "idp")) else "succeeded"
            source = "crm" if n % 10 == 0 else "idp"
            return {
                "source": source,
                "slot": at,
                "trigger": "schedule",
                "state": state,
                "created_at": at,
                "lease_expires_at": at,
                "options": {"dry_run": False},
                "lineage": {"next_attempt_at": at},
                "finished_at": at,
            }
        case "report_deliveries":
            state, report = ("due", "rare") if is_rare else ("delivered", "common")
            return {"report": report, "slot": at, "state": state, "due_at": at, "expires_at": at}
        case "etl_incidents":
            closed_at = None if is_rare else at
            return {"kind": f"k{n}", "source": "crm", "is_open": is_rare, "closed_at": closed_at}
        case "outbox":
            state = "pending" if n % 10 == 0 else "delivered"
            return {
                "destination": "webhook:a",
                "state": state,
                "lane": n,
                "number": n,
                "due_at": at,
                "expires_at": at,
            }
        case _:
            return {"state": "pending" if is_rare else "delivered", "next_attempt_at": at, "at": at}
