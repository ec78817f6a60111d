"""Patches of RFC 6902, checked with another implementation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpatch import JsonPatch

from docustore.history.json_patch import PatchOperation, changed_names, json_patch

VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.text("ab", max_size=2))
NAMES = st.sampled_from(("a", "b", "c/d", "e~f", "", "0"))
DOCUMENTS = st.recursive(
    st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, max_size=2)), max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(VALUES, inner), max_size=3),
    max_leaves=6,
)


def plain(operations: list[PatchOperation]) -> list[dict[str, Any]]:
    return [
        {"op": each.op, "path": each.path} | ({} if each.op == "remove" else {"value": each.value})
        for each in operations
    ]


@given(before=st.one_of(st.none(), DOCUMENTS), after=st.one_of(st.none(), DOCUMENTS))
def test_patch_leads_from_before_to_after(before: Any, after: Any) -> None:
    assert JsonPatch(plain(json_patch(before, after))).apply(before) == after


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        (None, None, []),
        (None, {"a": 1}, [{"op": "replace", "path": "", "value": {"a": 1}}]),
        ({"a": 1}, None, [{"op": "replace", "path": "", "value": None}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": [1]}, {"a": [1, 2]}, [{"op": "replace", "path": "/a", "value": [1, 2]}]),
        (
            {"p": {"x": 1, "y/z": 2}},
            {"p": {"x": 2, "~": 3}},
            [
                {"op": "replace", "path": "/p/x", "value": 2},
                {"op": "add", "path": "/p/~0", "value": 3},
                {"op": "remove", "path": "/p/y~1z"},
            ],
        ),
    ],
)
def test_operations_are_the_smallest(before: Any, after: Any, operations: list[dict[str, Any]]) -> None:
    assert plain(json_patch(before, after)) == operations


def test_changed_names_are_top_level() -> None:
    patch = json_patch({"p": {"x": 1, "y": 1}, "a/b~c": 1, "d": 1}, {"p": {"x": 2, "y": 2}, "a/b~c": 2})

    assert changed_names(patch) == ["p", "a/b~c", "d"]


def test_whole_document_names_nothing() -> None:
    assert changed_names(json_patch(None, {"a": 1})) == []
