"""A store in memory that writes batch plans and asserts the unique indexes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from docustore.etl.classify import plan_batch
from docustore.etl.plan import Outcome
from docustore.etl.transform import RecordRules, UserRecord

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RULES = RecordRules(
    source="crm",
    required=("email",),
    observed_at=NOW,
    latest=NOW + timedelta(days=1),
    max_record_bytes=1_000_000,
)


class MemoryStore:
    def __init__(self) -> None:
        self.users: dict[int, dict[str, Any]] = {}
        self.tombstones: dict[str, set[datetime]] = {}
        self.writes = 0
        self._last_id = 0

    def load(self, records: Sequence[UserRecord]) -> list[Outcome]:
        plan = plan_batch(records, list(self._touched(records)), self.tombstones)
        for key, ends in plan.tombstones.items():
            self.tombstones.setdefault(key, set()).update(ends)
        for write in [*plan.writes, *(write for move in plan.moves for write in move.writes)]:
            self.writes += 1
            if write.fields is None:
                del self.users[write.before["_id"]]
            elif write.before is None:
                self._last_id += 1
                self.users[self._last_id] = {"_id": self._last_id, "created_at": NOW, **write.fields}
            else:
                self.users[write.before["_id"]].update(write.fields)
        self._check_unique()
        return plan.outcomes

    def load_all(self, records: Iterable[UserRecord], batch_size: int) -> None:
        records = list(records)
        for start in range(0, len(records), batch_size):
            self.load(records[start : start + batch_size])

    def content(self) -> list[dict[str, Any]]:
        """Return the users by e-mail, without the fields that depend on the write time."""
        hidden = {"_id", "version", "updated_at"}
        kept = [{k: v for k, v in user.items() if k not in hidden} for user in self.users.values()]
        return sorted(kept, key=lambda user: user["email"])

    def _touched(self, records: Sequence[UserRecord]) -> Iterator[dict[str, Any]]:
        keys = {record.key for record in records}
        emails = {record.values["email"] for record in records if record.values}
        for user in self.users.values():
            held = {identity["key"] for identity in user.get("identities", ())}
            if held & keys or (user["email"] in emails and user.get("deleted_at") is None):
                yield {**user, "identities": [dict(entry) for entry in user.get("identities", ())]}

    def _check_unique(self) -> None:
        live = [user["email"] for user in self.users.values() if user.get("deleted_at") is None]
        keys = [entry["key"] for user in self.users.values() for entry in user.get("identities", ())]
        assert len(live) == len(set(live))
        assert len(keys) == len(set(keys))
