"""What shares and rows add to the counters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.analytics.cube.counts import CubeCounts
from docustore.analytics.cube.share import gone_share, share_of, share_of_gone
from docustore.analytics.cube.slots import first_slot, key_of, month_of, slot_from, slot_of, start_of
from docustore.analytics.cube.transitions import TRANSITIONS, transition_increments

MAY = datetime(2024, 5, 7, 9, 17, tzinfo=UTC)
SEPTEMBER = datetime(2024, 9, 30, 23, 59, tzinfo=UTC)


def user(**fields: Any) -> dict[str, Any]:
    return {"created_at": MAY, "tags": ["a", "b"], "profile": {"location": "x.$y"}, **fields}


def test_slots_have_names() -> None:
    assert (start_of(slot_of(MAY)), slot_from(MAY) - slot_of(MAY)) == (MAY.replace(minute=15), 1)
    assert slot_from(MAY.replace(minute=15)) == slot_of(MAY)
    assert (month_of(slot_of(MAY)), key_of(slot_of(MAY))) == ("2024-05", "0737")
    assert first_slot("2024-05") + 6 * 96 + 37 == slot_of(MAY)
    assert month_of(-1) == "1969-12"


def test_user_counts_in_each_dimension() -> None:
    counts = CubeCounts()
    counts.add(share_of(user()), 1)

    values = counts.values()
    both = {"registered": 1, "present": 1, "y2024.r05": 1, "y2024.p05": 1}
    assert values["", ""] == values["location", "x.$y"] == values["tag", "a"] == both
    assert values["tag", ""] == dict.fromkeys(both, 2)
    assert ("location", "") not in values
    assert counts.series()["location", "x.$y", "2024-05"] == {
        "n": 1,
        "r.07": 1,
        "rs.0737": 1,
        "p.07": 1,
        "ps.0737": 1,
    }


def test_deletion_leaves_the_registration() -> None:
    counts = CubeCounts()
    counts.add(share_of(user()), -1)
    counts.add(share_of(user(deleted_at=SEPTEMBER)), 1)

    assert counts.values()["", ""] == {"present": -1, "y2024.p05": -1}
    assert counts.series()["", "", "2024-05"] == {"p.07": -1, "ps.0737": -1}
    assert counts.series()["location", "x.$y", "2024-05"] == {"p.07": -1, "ps.0737": -1, "e.202409": 1}
    assert counts.series()["ended", "2024-05", ""] == {"n": 1, "e.202409": 1}


def test_same_share_moves_nothing() -> None:
    counts = CubeCounts()
    counts.add(share_of(user(first_name="Ada")), -1)
    counts.add(share_of(user(first_name="Bo")), 1)

    assert (counts.values(), counts.series()) == ({}, {})


def older(share: Any) -> dict[str, Any]:
    """Return a share as an older release has stored it."""
    return {name: value for name, value in share.items() if name != "shape"}


def test_share_of_an_older_release_begins_to_count_in_years() -> None:
    """Its other counters do not move: it counts there already."""
    share = share_of(user(deleted_at=SEPTEMBER))
    counts = CubeCounts()
    counts.add(older(share), -1)
    counts.add(share, 1)

    assert counts.values()["location", "x.$y"] == {"y2024.r05": 1}
    assert counts.series()["location", "x.$y", "2024-05"] == {"e.202409": 1}
    assert ("ended", "2024-05", "") not in counts.series()
    assert ("", "", "2024-05") not in counts.series()


def test_share_of_an_older_release_leaves_no_years() -> None:
    counts = CubeCounts()
    counts.add(older(share_of(user())), -1)

    assert counts.values()["", ""] == {"registered": -1, "present": -1}


def test_years_beyond_reports_are_not_kept_by_value() -> None:
    """A document must not grow with the times that other clients write."""
    counts = CubeCounts()
    counts.add(share_of(user(created_at=datetime(1899, 12, 31, tzinfo=UTC))), 1)
    counts.add(share_of(user(created_at=datetime(2201, 1, 1, tzinfo=UTC))), 1)

    assert counts.values()["", ""] == {"registered": 2, "present": 2}
    assert counts.series()["", "", "1899-12"]["n"] == 1


def test_removed_user_of_an_older_release_gets_the_shape() -> None:
    assert gone_share(older(share_of(user())))["shape"] == share_of(user())["shape"]


def test_unknown_registration_is_in_no_series() -> None:
    counts = CubeCounts()
    counts.add(share_of({"_id": "x", "deleted_at": SEPTEMBER}), 1)

    assert counts.values()["", ""] == {"registered": 1}
    assert counts.series() == {}


@pytest.mark.parametrize(
    ("deleted_at", "ended"),
    [(None, None), (SEPTEMBER, slot_of(SEPTEMBER)), (False, slot_of(MAY)), ("then", slot_of(MAY))],
)
def test_end_of_a_user(deleted_at: Any, ended: int | None) -> None:
    """An end without a time counts as one at the registration."""
    share = share_of(user(deleted_at=deleted_at))

    assert (share["present"], share["ended"], share["gone"]) == (ended is None, ended, False)


def test_removed_user_ended_when_it_was_deleted() -> None:
    later = SEPTEMBER + timedelta(days=90)

    assert share_of_gone(user(), ended_at=later)["ended"] == slot_of(later)
    assert share_of_gone(user(deleted_at=SEPTEMBER), ended_at=later)["ended"] == slot_of(SEPTEMBER)
    assert gone_share(share_of(user())) == {**share_of(user(deleted_at=False)), "gone": True}


def test_rows_count_by_time_and_pair() -> None:
    moved = {"from": "active", "to": "other"}
    rows = [
        {"valid_from": MAY, "transition": moved},
        {"valid_from": MAY + timedelta(minutes=15), "transition": moved},
        {"valid_from": MAY, "transition": None},
        {"valid_from": MAY, "transition": {"from": "other", "to": "other"}},
    ]

    assert transition_increments(rows) == {
        ("transition", "active>other", "2024-05"): {"n": 2, "r.07": 2, "rs.0737": 1, "rs.0738": 1}
    }
    assert len(TRANSITIONS) == 12
