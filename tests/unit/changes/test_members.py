"""The share of each listener in the partitions, and who decides how many there are."""

from datetime import UTC, datetime, timedelta

import pytest

from docustore.changes.members import Listener, share_of, wanted_by

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("partitions", range(1, 9))
@pytest.mark.parametrize("listeners", range(1, 6))
def test_shares_are_even_and_complete(partitions: int, listeners: int) -> None:
    shares = [share_of(rank, listeners=listeners, partitions=partitions) for rank in range(listeners)]

    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


def test_newest_listener_decides() -> None:
    """In a rolling update the new setting holds, whatever the old processes want."""
    old = [Listener(name=name, wanted=1, started_at=START) for name in "ab"]
    new = Listener(name="0", wanted=4, started_at=START + timedelta(seconds=1))

    assert wanted_by([*old, new]) == 4
    assert wanted_by([new, *old]) == 4


def test_listeners_of_one_moment_agree() -> None:
    one, other = (Listener(name=str(wanted), wanted=wanted, started_at=START) for wanted in (2, 3))

    assert wanted_by([one, other]) == wanted_by([other, one])
