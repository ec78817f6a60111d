"""Find the records of a batch that were not the newest of their user. Pure.

Such a record leaves no trace in the user: a newer version is stored already, or it comes in the same batch. The
user was in the state of that record nevertheless, until the next version. So it is kept as a late version, and
`dim_user` has the same rows in any order of arrival (ADR 0054).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from docustore.etl.plan import LateVersion, Outcome
from docustore.etl.transform import UserRecord
from docustore.users.identities import IdentityEntry, is_ended, is_local

# Greater than every digest and every source: an end counts over a version of the same time.
END: Final = "~"
# What brought a record into the store, or would have done it at its time.
_TAKEN: Final = frozenset({Outcome.INSERTED, Outcome.UPDATED, Outcome.DEACTIVATED, Outcome.STALE})

# The time of a version, then its `mark`. The greater place counts, as in `docustore.users.identities`.
Place = tuple[datetime, str]


def mark_of(key: str, content: str) -> str:
    """Return the text that orders versions of one time: source, id, digest.

    Args:
        content: The digest of the values, or `END`.
    """
    source, _, external_id = key.partition(":")
    return f"{source}\t{external_id}\t{content}"


def late_versions(
    user_id: Any,
    identities: Sequence[IdentityEntry],
    records: Iterable[tuple[UserRecord, Outcome]],
    ends: Mapping[str, Iterable[datetime]],
) -> list[LateVersion]:
    """List the late versions that one user gets from a batch.

    Args:
        identities: The identities of the user after the batch.
        records: Records of the batch, in any order; those of other users are left out.
        ends: The ends that came before the first version of their identity, by key.
    """
    known = {entry["key"]: entry for entry in identities}
    newest = max(map(_place_of, identities))
    late = {(at, mark_of(key, END)): (key, None) for key in known.keys() & ends.keys() for at in ends[key]} | {
        (record.modified_at, mark_of(record.key, record.hash or END)): (record.key, record.values)
        for record, outcome in records
        if record.key in known and _had_its_time(record, outcome, known[record.key])
    }
    return [
        LateVersion(user_id=user_id, key=key, at=at, mark=mark, values=values)
        for (at, mark), (key, values) in late.items()
        if (at, mark) != newest
    ]


def _had_its_time(record: UserRecord, outcome: Outcome, entry: IdentityEntry) -> bool:
    """Tell whether the user was in the state of a record at the time of that record.

    Of two versions of one time only one ever counts.
    """
    if outcome not in _TAKEN or (outcome is Outcome.STALE and record.is_time_observed):
        return False
    is_other = entry["modified_at"] == record.modified_at and entry["hash"] != record.hash
    return record.values is None or not is_other


def _place_of(entry: IdentityEntry) -> Place:
    if is_local(entry):
        return entry["modified_at"], END
    if is_ended(entry):
        return entry["deleted_at"], mark_of(entry["key"], END)
    return entry["modified_at"], mark_of(entry["key"], entry["hash"])
