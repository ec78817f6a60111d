"""The users that a set of records describes, computed without a store: ADR 0004 in a few lines."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from docustore.etl.transform import UserRecord
from docustore.users.identities import IdentityEntry, derive
from docustore.users.versions import is_newer_version


def described_users(records: Iterable[UserRecord]) -> list[dict[str, Any]]:
    """Derive every user from the newest version and the last end of each identity, by e-mail."""
    newest: dict[str, UserRecord] = {}
    ends: dict[str, datetime] = {}
    for record in records:
        if record.values is None:
            ends[record.key] = max(record.modified_at, ends.get(record.key, record.modified_at))
        elif record.key not in newest or _wins(record, newest[record.key]):
            newest[record.key] = record
    groups: dict[str, list[IdentityEntry]] = {}
    for record in newest.values():
        groups.setdefault((record.values or {})["email"], []).append(_entry(record, ends.get(record.key)))
    return [derive(groups[email], user=None) for email in sorted(groups)]


def _wins(record: UserRecord, known: UserRecord) -> bool:
    return is_newer_version(
        record.modified_at,
        record.values or {},
        than_modified_at=known.modified_at,
        than_values=known.values or {},
    )


def _entry(record: UserRecord, ended: datetime | None) -> IdentityEntry:
    entry: IdentityEntry = {
        "key": record.key,
        "modified_at": record.modified_at,
        "hash": record.hash,
        "values": record.values or {},
    }
    if ended is not None and ended >= record.modified_at:
        entry["deleted_at"] = ended
    return entry
