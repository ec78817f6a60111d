from datetime import UTC, datetime
from typing import Any

import pytest
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from docustore.analytics.marts import UserMarts, share_of
from docustore.changes.effects.effect import Stamp
from docustore.changes.effects.marts import UserMartsEffect, _increments, marts_increments
from docustore.changes.events import Change
from tests.unit.changes.make import effect_of, make_change

MAY_1 = datetime(2024, 5, 1, tzinfo=UTC)
ADA = {"_id": 1, "status": "active", "created_at": MAY_1, "updated_by": "etl:crm", "version": 1}


def _marts(*changes: Change) -> UserMarts:
    return effect_of(UserMartsEffect, changes).marts


def test_insert_counts_user_status_and_day() -> None:
    marts = _marts(make_change("insert", after=ADA))

    assert marts_increments(marts) == {
        "users": {"total": 1, "dated": 1, "created_at_sum_s": 1_714_521_600, "by_status.active": 1},
        "registrations:2024": {"days.0501": 1},
    }


def test_status_change_moves_one_user() -> None:
    change = make_change("update", before=ADA, after=ADA | {"status": "suspended", "version": 2})

    assert marts_increments(_marts(change)) == {"users": {"by_status.active": -1, "by_status.suspended": 1}}


@pytest.mark.parametrize("after", [None, ADA | {"deleted_at": MAY_1}])
def test_deletion_and_deletion_mark_count_out(after: Any) -> None:
    operation = "delete" if after is None else "update"

    marts = _marts(make_change(operation, before=ADA, after=after))

    assert marts.total == -1
    assert marts.registrations == {"2024-05-01": -1}


def test_irrelevant_change_moves_no_mart() -> None:
    marts = _marts(make_change("update", before=ADA, after=ADA | {"tags": ["x"]}))

    assert marts_increments(marts) == {"users": {}}


def test_unknown_status_never_becomes_a_path() -> None:
    change = make_change("insert", after=ADA | {"status": "a.$b"})

    increments = marts_increments(_marts(change))

    assert increments["users"]["by_status.other"] == 1


def test_unknown_state_before_moves_no_mart() -> None:
    """A guess would be wrong silently; the reconcile shows what is missing."""
    marts = _marts(make_change("delete"))

    assert marts_increments(marts) == {"users": {}}


_STATES = st.lists(
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {"_id": st.just(1)},
            optional={
                "status": st.sampled_from(["active", "inactive", "suspended", "nobody", None, 5]),
                "created_at": st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
                "deleted_at": st.sampled_from([None, MAY_1]),
            },
        ),
    ),
    max_size=12,
)


@given(_STATES)
def test_only_the_last_state_counts(states: list[Any]) -> None:
    """Only the last state of a user counts, for any number of changes in a batch."""
    changes, state = [], None
    for after in states:
        if state is None and after is None:
            continue
        operation = "insert" if state is None else "delete" if after is None else "update"
        changes.append(make_change(operation, before=state, after=after))
        state = after
    expected = UserMarts()
    if state is not None and (share := share_of(state)) is not None:
        expected.add(share, 1)

    marts = _marts(*changes)

    assert marts.without_zeros() == expected.without_zeros()


def test_change_from_an_unknown_state_is_not_counted() -> None:
    """A guess would be wrong without a trace; a reconcile shows what is missing."""
    assert _marts(make_change("update", before=None, after=ADA)) == UserMarts()


STAMP = Stamp(seq=7, as_of=MAY_1, cluster_time=Timestamp(5, 1), is_exact=True)
STAMPED = {"as_of": MAY_1, "cluster_time": Timestamp(5, 1), "is_exact": True}


def test_totals_alone_are_stamped() -> None:
    totals, year = _increments(_marts(make_change("insert", after=ADA)), STAMP)

    assert totals._doc["$set"] == STAMPED
    assert (year._filter, year._doc) == ({"_id": "registrations:2024"}, {"$inc": {"days.0501": 1}})
    assert (totals._upsert, year._upsert) == (True, True)


def test_idle_position_moves_only_the_stamp() -> None:
    [totals] = _increments(UserMarts(), STAMP)

    assert (totals._filter, totals._doc) == ({"_id": "users"}, {"$set": STAMPED, "$unset": {"partitions": ""}})
    assert totals._upsert is False
