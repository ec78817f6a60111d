"""The spans of users, in the plainest way: what the view and the files must give."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bson import ObjectId
from bson.timestamp import Timestamp

Row = dict[str, Any]
START = datetime.fromisoformat("2026-01-30T20:00:00+00:00")


def effective_at(row: Row) -> datetime:
    identities = (row["after"] or {}).get("identities", ())
    times = [max(entry["modified_at"], entry.get("deleted_at", entry["modified_at"])) for entry in identities]
    if row["source"].startswith("etl:") and row["operation"] not in {"snapshot", "recovered"} and times:
        return min(max(times), row["valid_from"])
    return row["valid_from"]


def spans(history: Iterable[Row], attributes: tuple[str, ...] = ("status", "first_name")) -> list[Row]:
    """List the spans of all users, in the order of users and of the numbers of the changes."""
    found: list[Row] = []
    by_user: dict[Any, list[Row]] = {}
    for row in sorted(history, key=lambda row: row["_id"]):
        by_user.setdefault(row["user_id"], []).append(row)
    for user_id, rows in sorted(by_user.items(), key=lambda item: str(item[0])):
        begin = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
        versions: list[tuple[datetime, Any, Row]] = []
        for row in rows:
            effective = effective_at(row)
            begin = effective if effective >= begin else max(begin, row["valid_from"])
            after = row["after"]
            is_present = after is not None and after.get("deleted_at") is None
            state = {name: after.get(name) for name in attributes} if is_present else None
            if versions and versions[-1][0] == begin:
                versions.pop()
            versions.append((begin, state, row))
        changes: list[tuple[datetime, Any, Row]] = []
        previous = None
        for begin_, state, row in versions:
            if state != previous:
                changes.append((begin_, state, row))
            previous = state
        for (since, state, row), following in zip(changes, [*changes[1:], None], strict=True):
            if state is not None:
                until = following[0] if following else None
                span = {"_id": row["_id"], "user_id": user_id, "valid_from": since, "valid_to": until}
                found.append({**span, "recorded_at": row["valid_from"], **state})
    return found


def random_history(seed: int, *, changes: int = 120, users: int = 6) -> list[Row]:
    """Make changes as the listener records them: late upstream times, ties, deletions, returns."""
    random = Random(seed)
    ids = [ObjectId() for _ in range(users)]
    states: dict[Any, Row | None] = dict.fromkeys(ids)
    now, rows = START, []
    for number in range(1, changes + 1):
        now += timedelta(minutes=random.choice([0, 0, 1, 7, 90]))
        user_id = random.choice(ids)
        before = states[user_id]
        late = now - timedelta(minutes=random.choice([0, 0, 3, 60, 600]))
        ended = {"deleted_at": now - timedelta(minutes=30)} if random.random() < 0.2 else {}
        after: Row | None = {
            "_id": user_id,
            "status": random.choice(["active", "inactive"]),
            "first_name": random.choice(["Ada", "Alan", None]),
            "tags": [f"t{number}"],
            # A state is compacted only if that saves something.
            "profile": {"bio": "x" * 500, "location": random.choice(["London", "Paris"])},
            "identities": [
                {"key": "crm:1", "modified_at": late},
                {"key": "hr:1", "modified_at": START - timedelta(days=1), **ended},
            ],
            "deleted_at": now if random.random() < 0.15 else None,
        }
        if before is not None and random.random() < 0.1:
            after = None
        operation = "delete" if after is None else "insert" if before is None else "update"
        states[user_id] = after
        rows.append(
            {
                "_id": number,
                "event_id": f"event-{number}",
                "operation": random.choice([operation, operation, operation, "recovered"]) if after else operation,
                "user_id": user_id,
                "changes": changed(before, after),
                "after": after,
                "valid_from": now,
                "cluster_time": Timestamp(number, 1),
                "source": random.choice(["etl:crm", "api:k", "external"]),
            }
        )
    return rows


def changed(before: Row | None, after: Row | None) -> dict[str, Row]:
    if before is None or after is None:
        return {}
    names = ("status", "first_name", "tags", "deleted_at")
    return {name: {"before": before[name], "after": after[name]} for name in names if before[name] != after[name]}
