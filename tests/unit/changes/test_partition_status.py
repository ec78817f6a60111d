"""All partitions together are as good as the worst one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.changes.partition_status import (
    PartitionStatus,
    all_owners,
    greatest_lag_s,
    least_headroom_s,
    oldest_heartbeat,
    worst_state,
)
from docustore.changes.position import ListenerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _part(**fields: Any) -> PartitionStatus:
    values: dict[str, Any] = {
        "partition": 0,
        "state": ListenerState.STREAMING,
        "owner": "a",
        "lag_s": 0.0,
        "heartbeat_at": NOW,
        "oplog_headroom_s": 9.0,
        "fence": 1,
    }
    return PartitionStatus(**values | fields)


def test_partition_that_is_furthest_behind_counts() -> None:
    parts = [_part(), _part(lag_s=2.0, oplog_headroom_s=3.0, heartbeat_at=NOW - timedelta(seconds=5))]

    assert greatest_lag_s(parts) == 2.0
    assert least_headroom_s(parts) == 3.0
    assert oldest_heartbeat(parts) == NOW - timedelta(seconds=5)


def test_what_is_unknown_of_one_is_unknown_of_all() -> None:
    parts = [_part(), _part(lag_s=None, heartbeat_at=None, oplog_headroom_s=None)]

    assert greatest_lag_s(parts) is None
    assert oldest_heartbeat(parts) is None
    assert least_headroom_s(parts) == 9.0


@pytest.mark.parametrize("state", [ListenerState.LOST, ListenerState.PAUSED])
def test_one_partition_that_does_not_follow_is_told(state: ListenerState) -> None:
    assert worst_state([_part(), _part(state=state), _part()]) is state


def test_owners_are_named_once_each_or_one_is_missing() -> None:
    assert all_owners([_part(), _part(owner="b"), _part()]) == "a, b"
    assert all_owners([_part(), _part(owner=None)]) is None
