"""The status of each partition, and what all of them amount to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from docustore.changes.position import ListenerState

# The first one that a partition has is the state of all.
_WORST_FIRST: Final = (
    ListenerState.LOST,
    ListenerState.PAUSED,
    ListenerState.SNAPSHOTTING,
    ListenerState.NEW,
    ListenerState.STREAMING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatus:
    """How far one partition is.

    Where there are no partitions, `partition` 0 stands for all users. See `ChangeStatus` for the other fields.
    `fence` is the number of the last take-over.
    """

    partition: int
    state: ListenerState
    owner: str | None
    lag_s: float | None
    heartbeat_at: datetime | None
    oplog_headroom_s: float | None
    fence: int


def worst_state(parts: Iterable[PartitionStatus]) -> ListenerState:
    """Return the state of all partitions together."""
    return min((part.state for part in parts), key=_WORST_FIRST.index)


def all_owners(parts: Sequence[PartitionStatus]) -> str | None:
    """Name the owners; None where a partition has none."""
    owners = [part.owner for part in parts]
    return None if None in owners else ", ".join(dict.fromkeys(owner for owner in owners if owner is not None))


def greatest_lag_s(parts: Iterable[PartitionStatus]) -> float | None:
    """Return the greatest lag; None where one is unknown."""
    lags = [part.lag_s for part in parts]
    known = [lag for lag in lags if lag is not None]
    return max(known) if len(known) == len(lags) else None


def least_headroom_s(parts: Iterable[PartitionStatus]) -> float | None:
    """Return the headroom of the partition that the oplog will lose first."""
    return min((part.oplog_headroom_s for part in parts if part.oplog_headroom_s is not None), default=None)


def oldest_heartbeat(parts: Iterable[PartitionStatus]) -> datetime | None:
    """Return the oldest heartbeat; None where a partition has none."""
    beats = [part.heartbeat_at for part in parts]
    known = [beat for beat in beats if beat is not None]
    return min(known) if known and len(known) == len(beats) else None
