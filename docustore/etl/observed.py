"""Decide at the end of a reading which records without a time count. Pure.

A reading may have several versions of one identity, or a record and its tombstone. All of them have the same time,
so the rules for ties choose one (ADR 0004). The next reading brings all of them again, page by page. A version
that was replaced before is held back, because the version that replaced it may be on a later page. If the whole
reading does not have that one any more, the version that was held back counts.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from docustore.etl.classify import is_known
from docustore.etl.transform import UserRecord
from docustore.users.identities import is_ended


class Observed:
    """The versions without a time that one reading has held back or confirmed."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, UserRecord]] = {}
        # Hashes of keys: a set of a million texts would need twice the memory.
        self._confirmed: set[int] = set()

    def note(self, record: UserRecord, identity: Mapping[str, Any] | None) -> None:
        """Note a record of this reading.

        Args:
            identity: The stored identity before the record, None if there is none.
        """
        if not record.is_time_observed:
            return
        if record.values is None:
            self._confirmed.add(hash(record.key))
        elif identity is None or not is_known(record, identity) or identity["modified_at"] == record.modified_at:
            # It is new, or this reading has stored the version that replaced it.
            return
        elif is_ended(identity) or record.hash in identity.get("rivals", ()):  # type: ignore[arg-type]
            self._held.setdefault(record.key, {})[record.hash] = record
        elif identity.get("rivals"):
            self._confirmed.add(hash(record.key))

    def settled(self) -> list[UserRecord]:
        """List the versions whose replacement is not in this reading."""
        return [
            msgspec.structs.replace(record, is_settled=True)
            for key, versions in self._held.items()
            if hash(key) not in self._confirmed
            for record in versions.values()
        ]
