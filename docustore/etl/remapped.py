"""The rules for a record whose source has got another mapping since. Pure.

A version that another mapping gave does not count against a record of the same time: see ADR 0024. Otherwise a
corrected mapping could lose against the wrong values for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from docustore.etl.transform import UserRecord


def is_replaced(record: UserRecord, identity: Mapping[str, Any]) -> bool:
    """Tell whether a stored version has the record's time and another mapping."""
    return (
        identity["modified_at"] == record.modified_at
        and not record.is_time_observed
        and _has_other_mapping(record, identity)
    )


def is_revived(record: UserRecord, identity: Mapping[str, Any]) -> bool:
    """Tell whether another mapping has read the record as the end of its identity."""
    return (
        record.values is not None
        and identity.get("deleted_at") == record.modified_at
        and _has_other_mapping(record, identity)
    )


def is_end_of_other_mapping(record: UserRecord, identity: Mapping[str, Any]) -> bool:
    """Tell whether a tombstone confirms an end that another mapping has found."""
    return identity.get("deleted_at") == record.modified_at and _has_other_mapping(record, identity)


def counting_ends(
    records: Sequence[UserRecord], tombstones: Iterable[Mapping[str, Any]]
) -> dict[str, tuple[list[datetime], str]]:
    """Return the ends that count for some records, by key.

    Each list of ends has the mapping of the last one.

    Args:
        tombstones: Rows of `etl_tombstones`.
    """
    rows = {row["_id"]: row for row in tombstones}
    if not rows:
        return {}
    read = {
        record.key
        for record in records
        if (row := rows.get(record.key)) is not None
        and row["ended_at"] == record.modified_at
        and _has_other_mapping(record, row)
    }
    return {key: (_ends_of(row), row.get("mapping", "")) for key, row in rows.items() if key not in read}


def _ends_of(row: Mapping[str, Any]) -> list[datetime]:
    # Versions of docustore before late versions kept only the last end.
    return sorted({row["ended_at"], *row.get("ends", ())})


def _has_other_mapping(record: UserRecord, stored: Mapping[str, Any]) -> bool:
    mapping: str = stored.get("mapping", "")
    return mapping != record.mapping
