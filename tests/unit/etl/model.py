"""The users that a set of records describes, computed without a store: ADR 0004 in a few lines."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from docustore.etl.transform import UserRecord
from docustore.users.identities import IdentityEntry, derive, edit_key
from docustore.users.versions import is_newer_version

# The edits of local writes, by the keys of the identities that they belong to.
Edits = Mapping[str, IdentityEntry]


def described_users(
    records: Iterable[UserRecord], *, edits: Edits | None = None, deleted: Iterable[Collection[str]] = ()
) -> list[dict[str, Any]]:
    """Derive every user from the newest version, the edit and the last end of each identity, by e-mail.

    `deleted` are the identities of each user that was deleted here. They stay together, whatever their addresses.
    """
    newest: dict[str, UserRecord] = {}
    ends: dict[str, datetime] = {}
    for record in records:
        if record.values is None:
            ends[record.key] = max(record.modified_at, ends.get(record.key, record.modified_at))
        elif record.key not in newest or _wins(record, newest[record.key]):
            newest[record.key] = record
    groups: dict[tuple[int, str], list[IdentityEntry]] = {}
    graves = {key: number for number, keys in enumerate(deleted, start=1) for key in keys}
    for record in newest.values():
        entries = [_entry(record, ends.get(record.key))]
        edit = (edits or {}).get(record.key)
        if edit is not None and edit["modified_at"] >= record.modified_at:
            entries.append({**edit, "key": edit_key(record.key)})
        grave = graves.get(record.key, 0)
        address = "" if grave else entries[-1]["values"]["email"]
        groups.setdefault((grave, address), []).extend(entries)
    users = [derive(entries, user=None) for entries in groups.values()]
    return sorted(users, key=lambda user: (user["email"], user["identities"][0]["key"]))


def _wins(record: UserRecord, known: UserRecord) -> bool:
    return is_newer_version(
        record.modified_at,
        record.values or {},
        than_modified_at=known.modified_at,
        than_values=known.values or {},
        than_hash=known.hash,
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
