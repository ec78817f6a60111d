"""Close quarantine entries when their records load.

An entry is closed when a version of its identity loads that is not older: one with a later modification time, or,
if the times are equal or unknown, one that was read later. An entry without an identity is closed when the same
bytes load.

A page with a good version and a page with a bad one may be stored at the same time. The good one is stored, and
then the open entries are looked at. The bad one's entry is made known, and then the stored version is looked at.
So at least one of them finds the other.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pymongo import UpdateMany

from docustore.database import Database, Document
from docustore.etl.models import QUARANTINE, QuarantineState
from docustore.etl.plan import Outcome
from docustore.etl.quarantine import Rejected, fingerprint_of
from docustore.etl.transform import UserRecord
from docustore.users.sound import EPOCH, keyed_identities, time_of
from docustore.users.stored import USERS

# About 10 MB. Above it, each page asks the store, by an index.
MAX_HELD: Final = 50_000
# An older version does not close an entry, and a refused one is an entry itself.
_LOADED: Final = frozenset(Outcome) - {Outcome.STALE, Outcome.QUARANTINED}


class OpenEntries:
    """The open entries of a source, as one attempt at a run sees them.

    They are read once. Without open entries, a page costs nothing.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._is_read = False
        self._is_held = True
        self._keys: set[str] = set()
        # Of the entries without an identity.
        self._fingerprints: set[str] = set()

    async def close_loaded(
        self,
        database: Database,
        loaded: Iterable[tuple[bytes, UserRecord, Outcome]],
        *,
        source: str,
        run_id: str,
        now: datetime,
    ) -> None:
        """Close the entries of the records that a page loaded.

        Args:
            now: The stamp of the page.
        """
        await self._read(database, source)
        if self._is_held and not self._keys and not self._fingerprints:
            return
        good = [(raw, record) for raw, record, outcome in loaded if outcome in _LOADED]
        hits = [record for _, record in good if not self._is_held or record.key in self._keys]
        closed: list[Document] = [
            {"identity_key": record.key, "$or": _not_newer(record.modified_at, seen_before=now)} for record in hits
        ]
        if self._fingerprints or not self._is_held:
            prints = [fingerprint_of(raw) for raw, _ in good]
            closed += [
                {"fingerprint": fingerprint, "identity_key": None}
                for fingerprint in prints
                if not self._is_held or fingerprint in self._fingerprints
            ]
        await _close(database, closed, source=source, run_id=run_id, now=now)

    async def add(
        self, database: Database, rejected: Sequence[Rejected], *, source: str, run_id: str, now: datetime
    ) -> None:
        """Add the entries of a page; close those whose newer version is stored."""
        await self._read(database, source)
        self._keys.update(record.identity_key for record in rejected if record.identity_key is not None)
        self._fingerprints.update(fingerprint_of(record.raw) for record in rejected if record.identity_key is None)
        times = {
            record.identity_key: record.modified_at
            for record in rejected
            if record.identity_key is not None and record.modified_at is not None
        }
        stored = await _stored_times(database, times)
        closed: list[Document] = [
            {"identity_key": key, "modified_at": {"$lt": at}} for key, at in stored.items() if at > times[key]
        ]
        await _close(database, closed, source=source, run_id=run_id, now=now)

    async def _read(self, database: Database, source: str) -> None:
        if self._is_read:
            return
        async with self._lock:
            if self._is_read:
                return
            which = {"source": source, "state": QuarantineState.OPEN.value}
            fields = {"_id": 0, "identity_key": 1, "fingerprint": 1}
            entries = await database[QUARANTINE].find(which, fields).limit(MAX_HELD + 1).to_list()
            self._is_held = len(entries) <= MAX_HELD
            if self._is_held:
                self._keys.update(entry["identity_key"] for entry in entries if entry["identity_key"] is not None)
                self._fingerprints.update(
                    entry["fingerprint"] for entry in entries if entry["identity_key"] is None
                )
            self._is_read = True


def _not_newer(modified_at: datetime, *, seen_before: datetime) -> list[Document]:
    """Match entries of versions that are not newer than a loaded one."""
    return [
        {"modified_at": {"$lt": modified_at}},
        {"modified_at": {"$in": [modified_at, None]}, "last_seen_at": {"$lt": seen_before}},
    ]


async def _stored_times(database: Database, keys: Iterable[str]) -> dict[str, datetime]:
    wanted = set(keys)
    if not wanted:
        return {}
    users = database[USERS].find(
        {"identities.key": {"$in": list(wanted)}}, {"identities.key": 1, "identities.modified_at": 1}
    )
    return {
        identity["key"]: time_of(identity.get("modified_at")) or EPOCH
        async for user in users
        for identity in keyed_identities(user)
        if identity["key"] in wanted
    }


async def _close(
    database: Database, which: Sequence[Mapping[str, object]], *, source: str, run_id: str, now: datetime
) -> None:
    if not which:
        return
    is_open = {"source": source, "state": QuarantineState.OPEN.value}
    resolved = {
        "$set": {"state": QuarantineState.RESOLVED.value, "resolved_at": now, "resolved_by": f"run {run_id}"}
    }
    operations = [UpdateMany({**is_open, **entry}, resolved) for entry in which]
    await database[QUARANTINE].bulk_write(operations, ordered=False)
