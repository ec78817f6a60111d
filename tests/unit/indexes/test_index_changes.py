"""Indexes are compared by definition, and changed ones are reached without a gap."""

from typing import Any

import pytest
from pymongo import IndexModel

from indexes.actions import ActionKind, ExtraIndex
from indexes.index_changes import index_changes


def index(name: str, *fields: str, **options: Any) -> dict[str, Any]:
    return dict(IndexModel([(field, 1) for field in fields], name=name, **options).document)


def existing(name: str, *fields: str, **options: Any) -> dict[str, Any]:
    """An index as the server lists it."""
    return {"v": 2, **index(name, *fields, **options)}


def steps(declared: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    actions, _ = index_changes("things", declared, found)
    return [(action.kind, action.index) for action in actions]


def test_same_indexes_need_nothing() -> None:
    assert steps([index("a", "a", unique=True)], [existing("a", "a", unique=True)]) == []


def test_option_switched_off_equals_option_missing() -> None:
    assert steps([index("a", "a", hidden=False)], [existing("a", "a")]) == []


def test_missing_index_is_built() -> None:
    assert steps([index("a", "a")], []) == [(ActionKind.CREATE_INDEX, "a")]


def test_same_definition_under_other_name_serves() -> None:
    """The server refuses one definition twice, and cannot rename."""
    assert steps([index("a", "a")], [existing("made_by_hand", "a")]) == []


def test_changed_keys_are_built_before_old_is_dropped() -> None:
    assert steps([index("a", "a", "b")], [existing("a", "a")]) == [
        (ActionKind.CREATE_INDEX, "a_next"),
        (ActionKind.DROP_REPLACED_INDEX, "a"),
    ]


def test_second_change_takes_the_first_name_again() -> None:
    assert steps([index("a", "c")], [existing("a_next", "a", "b")]) == [
        (ActionKind.CREATE_INDEX, "a"),
        (ActionKind.DROP_REPLACED_INDEX, "a_next"),
    ]


def test_interrupted_replacement_is_finished() -> None:
    found = [existing("a", "a"), existing("a_next", "a", "b")]

    assert steps([index("a", "a", "b")], found) == [(ActionKind.DROP_REPLACED_INDEX, "a")]


def test_order_of_keys_is_part_of_the_definition() -> None:
    assert steps([index("a", "b", "a")], [existing("a", "a", "b")])[0] == (ActionKind.CREATE_INDEX, "a_next")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({"hidden": True}, {}, {"hidden": False}),
        ({}, {"hidden": True}, {"hidden": True}),
        ({"expireAfterSeconds": 5}, {"expireAfterSeconds": 9}, {"expireAfterSeconds": 9}),
        ({}, {"expireAfterSeconds": 9}, {"expireAfterSeconds": 9}),
    ],
)
def test_light_options_change_in_place(before: dict[str, Any], after: dict[str, Any], change: Any) -> None:
    [action], _ = index_changes("things", [index("a", "a", **after)], [existing("a", "a", **before)])

    assert action.kind is ActionKind.MODIFY_INDEX
    assert {key: value for key, value in action.document.items() if key not in {"key", "name"}} == change


def test_index_is_made_unique_in_place() -> None:
    assert steps([index("a", "a", unique=True)], [existing("a", "a")]) == [(ActionKind.MAKE_UNIQUE, "a")]


def test_index_no_longer_unique_is_replaced() -> None:
    assert steps([index("a", "a")], [existing("a", "a", unique=True)]) == [
        (ActionKind.CREATE_INDEX, "a_next"),
        (ActionKind.DROP_REPLACED_INDEX, "a"),
    ]


def test_lost_expiry_drops_before_it_builds() -> None:
    """The server takes both for one index, so they cannot stand side by side."""
    assert steps([index("a", "a")], [existing("a", "a", expireAfterSeconds=9)]) == [
        (ActionKind.DROP_BLOCKING_INDEX, "a"),
        (ActionKind.CREATE_INDEX, "a"),
    ]


def test_undeclared_index_is_reported_only() -> None:
    actions, extra = index_changes("things", [], [existing("x", "x", hidden=True)])

    assert actions == []
    assert extra == [ExtraIndex(collection="things", index="x", is_hidden=True)]
