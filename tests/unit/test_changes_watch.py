"""When the worker tells of the listener."""

from dataclasses import replace
from typing import Any

import pytest

from docustore.changes.position import ListenerState
from docustore.changes.stall import stall_sentence
from docustore.changes.status import ChangeStatus
from docustore.changes_watch import problems

WELL = ChangeStatus(
    state=ListenerState.STREAMING, owner="host:1", applied=5, snapshot_rows=0, lag_s=0.0, is_caught_up=True,
    heartbeat_at=None, gaps=0, unaccepted_gaps=0, dead_letters=0, approximate_rows=0, oplog_headroom_s=90_000.0,
    last_error=None, warnings=[], partitions=[],
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "stall", "kinds"),
    [
        ({}, None, []),
        ({}, "it waits", ["listener_stalled"]),
        # The oplog of a new server is short, which matters only to a listener that is behind.
        ({"oplog_headroom_s": 10.0}, None, []),
        ({"oplog_headroom_s": 3599.0, "lag_s": 61.0}, None, ["oplog_short"]),
        ({"oplog_headroom_s": 3599.0, "lag_s": None}, None, ["oplog_short"]),
        ({"oplog_headroom_s": 3600.0, "lag_s": 61.0}, None, []),
        ({"oplog_headroom_s": 3599.0, "lag_s": 60.0}, None, []),
        ({"oplog_headroom_s": None, "lag_s": 61.0}, "it waits", ["listener_stalled"]),
    ],
)
def test_person_is_told_in_time(status: dict[str, Any], stall: str | None, kinds: list[str]) -> None:
    assert list(problems(replace(WELL, **status), stall=stall)) == kinds


@pytest.mark.parametrize(
    ("status", "is_stall"),
    [
        ({}, False),
        ({"lag_s": 300.0}, False),
        ({"lag_s": 301.0}, True),
        ({"lag_s": None}, False),
        ({"lag_s": 301.0, "state": ListenerState.PAUSED}, False),
        ({"lag_s": None, "state": ListenerState.LOST}, True),
    ],
)
def test_old_waiting_change_is_a_stall(status: dict[str, Any], is_stall: bool) -> None:
    assert (stall_sentence(replace(WELL, **status), limit_s=300.0) is not None) is is_stall
