from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.analytics.marts import UserMarts, share_of
from docustore.changes.effects import effects_of, marts_increments
from docustore.changes.follow import MAX_TRANSACTION_BYTES, parts
from docustore.changes.read_ahead import merged
from tests.unit.changes.make import make_batch, make_change, make_event, token_at

MAY_1 = datetime(2024, 5, 1, tzinfo=UTC)
ADA = {"_id": 1, "status": "active", "created_at": MAY_1, "updated_by": "etl:crm", "version": 1}


def test_rows_are_numbered_from_the_position() -> None:
    changes = [make_change("insert", after=ADA | {"_id": n}) for n in range(3)]

    effects = effects_of(changes, seq=41)

    assert [row["_id"] for row in effects.rows] == [42, 43, 44]


def test_insert_counts_user_status_and_day() -> None:
    effects = effects_of([make_change("insert", after=ADA)], seq=0)

    assert marts_increments(effects.marts) == {
        "users": {"total": 1, "dated": 1, "created_at_sum_s": 1_714_521_600, "by_status.active": 1},
        "registrations:2024": {"days.0501": 1},
    }


def test_status_change_moves_one_user() -> None:
    change = make_change("update", before=ADA, after=ADA | {"status": "suspended", "version": 2})

    effects = effects_of([change], seq=0)

    assert marts_increments(effects.marts) == {"users": {"by_status.active": -1, "by_status.suspended": 1}}


@pytest.mark.parametrize("after", [None, ADA | {"deleted_at": MAY_1}])
def test_deletion_and_deletion_mark_count_out(after: Any) -> None:
    operation = "delete" if after is None else "update"

    effects = effects_of([make_change(operation, before=ADA, after=after)], seq=0)

    assert effects.marts.total == -1
    assert effects.marts.registrations == {"2024-05-01": -1}


def test_irrelevant_change_moves_no_mart() -> None:
    effects = effects_of([make_change("update", before=ADA, after=ADA | {"tags": ["x"]})], seq=0)

    assert marts_increments(effects.marts) == {"users": {}}
    assert effects.rows[0]["changes"] == {"tags": {"after": ["x"]}}


def test_unknown_status_never_becomes_a_path() -> None:
    change = make_change("insert", after=ADA | {"status": "a.$b"})

    increments = marts_increments(effects_of([change], seq=0).marts)

    assert increments["users"]["by_status.other"] == 1


def test_unknown_state_before_moves_no_mart() -> None:
    """Guessing would be wrong silently; the reconcile shows what is missing."""
    effects = effects_of([make_change("delete")], seq=0)

    assert marts_increments(effects.marts) == {"users": {}}


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
def test_marts_of_any_story_are_those_of_its_end(states: list[Any]) -> None:
    """However often a user changes within a batch, only where it ends counts."""
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

    marts = effects_of(changes, seq=0).marts if changes else UserMarts()

    assert marts.without_zeros() == expected.without_zeros()


def test_batch_is_cut_by_events() -> None:
    events = [make_event("insert", after=ADA | {"_id": n}, seconds=n + 1) for n in range(5)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    cut = list(parts(batch, max_events=2))

    assert [len(changes) for changes, _ in cut] == [2, 2, 1]
    assert [reached.token for _, reached in cut] == [token_at(2), token_at(4), token_at(9)]
    assert [reached.is_exact for _, reached in cut] == [False, False, True]


def test_batch_is_cut_by_bytes() -> None:
    blob = "x" * (MAX_TRANSACTION_BYTES // 2 - 1000)
    events = [make_event("insert", after={"_id": n, "blob": blob}, seconds=n + 1) for n in range(3)]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(changes) for changes, _ in parts(batch, max_events=1000)] == [2, 1]


def test_event_larger_than_a_part_goes_alone() -> None:
    events = [make_event("insert", after={"_id": 1, "blob": "x" * (MAX_TRANSACTION_BYTES + 1)})]
    batch = make_batch(events, token=token_at(9), batch_size=1000)

    assert [len(changes) for changes, _ in parts(batch, max_events=1000)] == [1]


def test_merged_batches_stand_where_the_last_one_stands() -> None:
    first = make_batch([make_event("insert", after=ADA, seconds=1)], token=token_at(2), batch_size=1000)
    last = make_batch([], token=token_at(5), batch_size=1000)

    batch = merged([first, last])

    assert batch.changes == first.changes
    assert batch.token == token_at(5)
