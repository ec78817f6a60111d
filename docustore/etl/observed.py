"""Decide at the end of a reading which records without a time count. Pure.

A reading may have several versions of one identity, or a record and its tombstone. All of them have the same time,
so the rules for ties choose one (ADR 0004). The next reading brings all of them again, page by page. A version
that was replaced before is held back, because the version that replaced it may be on a later page. If the whole
reading does not have that one any more, the version that was held back counts.

An identity remembers at most `MAX_RIVALS` replaced versions. If it has so many, a version that it does not know
may be one that it has forgotten, so this is held back too. If the reading also has the stored version, the two are
compared as versions of one time. Only so many versions are held back; above that, a version counts at once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.etl.classify import is_known
from docustore.etl.entries import has_all_rivals
from docustore.etl.transform import UserRecord
from docustore.users.identities import is_ended

# A version takes one or two kilobytes.
MAX_UNKNOWN: Final = 10_000


class Observed:
    """The versions without a time that one reading has held back or confirmed."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, UserRecord]] = {}
        # Versions that the store does not know, each with the time of the stored one.
        self._unknown: dict[str, dict[str, tuple[UserRecord, datetime]]] = {}
        self._unknown_versions = 0
        # Hashes of keys: a set of a million texts would need twice the memory.
        self._confirmed: set[int] = set()

    def note(self, record: UserRecord, identity: Mapping[str, Any] | None) -> bool:
        """Note a record of this reading; return true if it must not be stored yet.

        Args:
            identity: The stored identity before the record, None if there is none.
        """
        if not record.is_time_observed:
            return False
        if record.values is None:
            self._confirmed.add(hash(record.key))
            return False
        # It is new, or this reading has stored the version that replaced it.
        if identity is None or identity["modified_at"] == record.modified_at or record.is_settled:
            return False
        if not is_known(record, identity):
            return has_all_rivals(identity) and self._hold_unknown(record, identity)
        if is_ended(identity) or record.hash in identity.get("rivals", ()):  # type: ignore[arg-type]
            self._held.setdefault(record.key, {})[record.hash] = record
        elif identity.get("rivals"):
            self._confirmed.add(hash(record.key))
        return False

    def settled(self) -> list[UserRecord]:
        """List the versions that count now, or that must be compared now."""
        return [*self._without_replacement(), *self._to_compare()]

    def _without_replacement(self) -> list[UserRecord]:
        return [
            msgspec.structs.replace(record, is_settled=True)
            for key, versions in self._held.items()
            if hash(key) not in self._confirmed
            for record in versions.values()
        ]

    def _to_compare(self) -> list[UserRecord]:
        return [
            msgspec.structs.replace(
                record, is_settled=True, modified_at=record.modified_at if is_newer else stored_at
            )
            for key, versions in self._unknown.items()
            for is_newer in (hash(key) not in self._confirmed,)
            for record, stored_at in versions.values()
        ]

    def _hold_unknown(self, record: UserRecord, identity: Mapping[str, Any]) -> bool:
        versions = self._unknown.setdefault(record.key, {})
        if record.hash not in versions:
            if self._unknown_versions >= MAX_UNKNOWN:
                return False
            self._unknown_versions += 1
            versions[record.hash] = record, identity["modified_at"]
        return True
