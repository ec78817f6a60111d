"""Make the entries of identities from records. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from docustore.etl.transform import UserRecord
from docustore.users.identities import IdentityEntry

# An identity with so many rivals may have forgotten some; see `docustore.etl.observed`.
MAX_RIVALS: Final = 8


def entry_of(record: UserRecord, ended: datetime | None) -> IdentityEntry:
    """Make the entry of a record; an end that is not older than the record stays."""
    if record.values is None:  # pragma: no cover  # callers handle tombstones first
        raise AssertionError(record.key)
    entry: IdentityEntry = {
        "key": record.key,
        "modified_at": record.modified_at,
        "hash": record.hash,
        "values": record.values,
    }
    if record.mapping:
        entry["mapping"] = record.mapping
    if ended is not None and ended >= record.modified_at:
        entry["deleted_at"] = ended
    return entry


def has_all_rivals(identity: Mapping[str, Any]) -> bool:
    """Tell whether an identity remembers as many replaced versions as it can."""
    return len(identity.get("rivals", ())) >= MAX_RIVALS


def present(entry: IdentityEntry) -> IdentityEntry:
    """Return an entry without the end that was concluded from its absence."""
    copy = entry.copy()
    if copy.pop("absent", False):
        copy.pop("deleted_at", None)
    return copy


def of_mapping(entry: IdentityEntry, mapping: str) -> IdentityEntry:
    """Copy an entry, with the digest of the mapping that has read it last."""
    copy = entry.copy()
    copy.pop("mapping", None)
    if mapping:
        copy["mapping"] = mapping
    return copy


def with_rivals(winner: IdentityEntry, losers: Sequence[str]) -> IdentityEntry:
    """Remember the digests of replaced versions without a time, newest last."""
    entry = winner.copy()
    rivals = [loser for loser in dict.fromkeys(losers) if loser and loser != winner["hash"]][-MAX_RIVALS:]
    if rivals:
        entry["rivals"] = rivals
    return entry
