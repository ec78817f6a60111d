"""How far the search index is complete, as a value; no server."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.changes.search_reach import complete_until
from docustore.effect_states import BuildState, EffectState

APPLIED = datetime(2026, 1, 1, 12, tzinfo=UTC)
EARLIER = datetime(2026, 1, 1, 11, tzinfo=UTC)


def position(*, at: datetime | None = APPLIED, seq: int = 7, state: str = "streaming") -> dict[str, Any]:
    time = None if at is None else Timestamp(int(at.timestamp()), 1)
    return {"state": state, "cluster_time": time, "seq": seq}


def effect(*, seq: int = 7, state: BuildState = BuildState.LIVE) -> EffectState:
    return EffectState(name="user_search", version=1, live_version=1, state=state, seq=seq, as_of=EARLIER)


@pytest.mark.parametrize(
    ("seq", "positions", "expected"),
    [
        pytest.param(7, {"users": position()}, APPLIED, id="every row is in the index"),
        pytest.param(6, {"users": position()}, EARLIER, id="rows wait"),
        pytest.param(7, {"users": position(), "users:1": position(at=EARLIER)}, EARLIER, id="partitions"),
        pytest.param(6, {"users": position(), "users:1": position()}, None, id="rows of partitions wait"),
        pytest.param(7, {"users": position(state="recovering")}, None, id="recovery"),
        pytest.param(7, {"users": position(at=None)}, None, id="no time"),
        pytest.param(7, {}, None, id="no listener yet"),
    ],
)
def test_index_is_complete_as_far_as_all_positions(
    seq: int, positions: dict[str, Any], expected: datetime | None
) -> None:
    assert complete_until(effect(seq=seq), positions) == expected


@pytest.mark.parametrize("state", [BuildState.BUILDING, BuildState.FAILED])
def test_index_that_is_not_live_promises_nothing(state: BuildState) -> None:
    assert complete_until(effect(state=state), {"users": position()}) is None
