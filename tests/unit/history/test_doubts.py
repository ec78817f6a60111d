"""When a past state is not proven."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.history.doubts import doubts_of, doubts_of_row
from docustore.history.horizon import Gap, Horizon
from docustore.users.past import Doubt, as_of_state

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("complete_until", "doubts"),
    [(NOON + SECOND, set()), (NOON, {Doubt.PENDING}), (NOON - SECOND, {Doubt.PENDING}), (None, {Doubt.PENDING})],
)
def test_state_is_pending_until_history_is_complete(complete_until: Any, doubts: set[Doubt]) -> None:
    assert set(doubts_of(Horizon(seq=5, complete_until=complete_until), NOON)) == doubts


@pytest.mark.parametrize(
    ("after", "until", "is_within"),
    [
        (NOON - SECOND, NOON + SECOND, True),
        (NOON, NOON + SECOND, False),
        (NOON - SECOND, NOON, False),
        (NOON - SECOND, None, True),
        (None, NOON + SECOND, True),
    ],
)
def test_state_within_a_gap_is_not_proven(after: Any, until: Any, is_within: bool) -> None:
    horizon = Horizon(seq=5, complete_until=NOON + SECOND, gaps=(Gap(after=after, until=until),))

    assert set(doubts_of(horizon, NOON)) == ({Doubt.GAP} if is_within else set())


@pytest.mark.parametrize(
    ("row", "doubts"),
    [({}, set()), ({"approximate": True}, {Doubt.APPROXIMATE}), ({"omitted": ["bio"]}, {Doubt.APPROXIMATE})],
)
def test_row_tells_whether_its_state_is_exact(row: Any, doubts: set[Doubt]) -> None:
    assert set(doubts_of_row(row)) == doubts


def test_header_lists_the_doubts() -> None:
    assert as_of_state(()) == "proven"
    assert as_of_state({Doubt.PENDING, Doubt.GAP}) == "gap, pending"
