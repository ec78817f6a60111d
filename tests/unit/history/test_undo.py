"""A compacted row gives the state that it had."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st

from docustore.history.compaction_plan import MAX_UNDO_PCT, Earlier, Superseded, compacted
from docustore.history.undo import MAX_CHAIN, has_state, states_of, undo_of, undone

VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.just(1.0), st.text("ab", max_size=2))
LEAVES = st.one_of(VALUES, st.lists(VALUES, max_size=2))
NAMES = st.sampled_from(("a", "b", "set", "unset", "within", "d.e", "$f"))
DOCUMENTS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=4),
    max_leaves=8,
)


@given(state=DOCUMENTS, following=DOCUMENTS)
def test_undo_gives_the_state_before(state: dict[str, Any], following: dict[str, Any]) -> None:
    found = undone(following, undo_of(state, following))

    assert canonical(found) == canonical(state)


@given(state=DOCUMENTS)
def test_equal_states_need_no_undo(state: dict[str, Any]) -> None:
    assert undo_of(state, state) == {}


def test_only_differing_parts_are_kept() -> None:
    state = {"status": "active", "profile": {"bio": "long", "location": "X"}, "phone": "1"}
    following = {"status": "active", "profile": {"bio": "long", "location": "Y"}, "tags": []}

    assert undo_of(state, following) == {
        "within": {"profile": {"set": {"location": "X"}}},
        "set": {"phone": "1"},
        "unset": ["tags"],
    }


def test_deep_values_are_kept_whole() -> None:
    """An undo nests twice as deep as its user, and the server limits the depth."""
    state, following = {"a": {"a": {"a": {"a": {"a": 1}}}}}, {"a": {"a": {"a": {"a": {"a": 2}}}}}

    undo = undo_of(state, following)

    assert undo == {"within": {"a": {"within": {"a": {"within": {"a": {"set": {"a": {"a": 1}}}}}}}}}


def test_states_are_read_backwards() -> None:
    rows = [
        {"_id": 1, "undo": {"set": {"n": 1}}},
        {"_id": 2, "undo": {"unset": ["m"]}},
        {"_id": 3, "after": {"n": 2, "m": 3}},
        {"_id": 4, "after": None},
    ]

    assert states_of(rows) == [{"n": 1}, {"n": 2}, {"n": 2, "m": 3}, None]


@pytest.mark.parametrize("end", [[], [{"_id": 2, "after": None}]])
def test_row_without_its_next_state_is_refused(end: list[Any]) -> None:
    with pytest.raises(ValueError, match="row 1 is compacted"):
        states_of([{"_id": 1, "undo": {}}, *end])


def history(states: list[Any], *, compacted_rows: Mapping[int, Any]) -> list[dict[str, Any]]:
    return [
        {"_id": n, "undo": compacted_rows[n]} if n in compacted_rows else {"_id": n, "after": state}
        for n, state in enumerate(states, start=1)
    ]


def superseded(states: list[Any], depths: Mapping[int, int]) -> list[Superseded]:
    images = [None if state is None else RawBSONDocument(bson.encode(state)) for state in states]

    def earlier(number: int) -> Earlier | None:
        return Earlier(number=number, after=images[number - 1], depth=depths.get(number)) if number >= 1 else None

    return [
        Superseded(number=n, after=images[n - 1], last=earlier(n - 1), before_last=earlier(n - 2))
        for n in range(1, len(states) + 1)
    ]


USERS = st.lists(
    st.one_of(st.none(), st.fixed_dictionaries({"n": st.integers(0, 9), "bio": st.just("x" * 200)})),
    min_size=1,
    max_size=60,
)


@given(states=USERS)
def test_compacted_history_has_the_same_states(states: list[Any]) -> None:
    found = {each.number: each.undo for each in compacted(superseded(states, {}), {})}
    rows = history(states, compacted_rows=found)

    assert states_of(rows) == states
    assert has_state(rows[-1])


def test_chains_are_bounded() -> None:
    """A reader of one state reads at most a chain and the row after it."""
    states = [{"n": n, "bio": "x" * 200} for n in range(100)]

    found = {each.number for each in compacted(superseded(states, {}), {})}

    kept = [n for n in range(1, 101) if n not in found]
    assert kept == [16, 32, 48, 64, 80, 96, 100]
    assert max(after - before for before, after in pairwise([0, *kept])) == MAX_CHAIN + 1


def test_depth_continues_that_of_earlier_batches() -> None:
    states = [{"n": n, "bio": "x" * 200} for n in range(3)]
    depths = {1: MAX_CHAIN - 1}

    assert [each.number for each in compacted(superseded(states, depths)[2:], {})] == []
    assert [each.undo["depth"] for each in compacted(superseded(states, {1: 3})[2:], {})] == [4]


def test_small_saving_is_no_saving() -> None:
    states = [{"n": "a" * 200}, {"n": "b" * 200}]

    assert list(compacted(superseded(states, {}), {})) == []
    assert MAX_UNDO_PCT == 80


def test_state_before_a_deletion_is_kept() -> None:
    assert list(compacted(superseded([{"bio": "x" * 200}, None], {}), {})) == []


def canonical(value: Any) -> Any:
    """Ignore the order of fields, and tell 1, 1.0 and True apart."""
    if isinstance(value, dict):
        return {name: canonical(each) for name, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    return type(value).__name__, value
