"""How one index becomes another: the order of steps, their reasons, and what serves already."""

from typing import Any

import pytest
from pymongo import IndexModel

from indexes.actions import ActionKind
from indexes.index_changes import index_changes


def index(name: str, *fields: str, **options: Any) -> dict[str, Any]:
    return dict(IndexModel([(field, 1) for field in fields], name=name, **options).document)


def changes(declared: dict[str, Any], *found: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    actions, _ = index_changes("things", [declared], found)
    return [(action.kind, action.index, action.reason) for action in actions]


def test_own_name_serves_before_another() -> None:
    """An older server let two indexes of one definition in."""
    actions, extra = index_changes("things", [index("a", "a")], [index("b", "a"), index("a", "a")])

    assert actions == []
    assert [(other.index, other.is_hidden) for other in extra] == [("b", False)]


def test_index_in_place_is_modified_and_its_successor_dropped() -> None:
    assert changes(index("a", "a", hidden=True), index("a", "a"), index("a_next", "a", "b")) == [
        (ActionKind.MODIFY_INDEX, "a", "changed: hidden"),
        (ActionKind.DROP_REPLACED_INDEX, "a_next", "replaced"),
    ]


def test_successor_is_modified_and_the_index_in_place_dropped() -> None:
    assert changes(index("a", "a", hidden=True), index("a", "b"), index("a_next", "a")) == [
        (ActionKind.MODIFY_INDEX, "a_next", "changed: hidden"),
        (ActionKind.DROP_REPLACED_INDEX, "a", "replaced"),
    ]


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [
        (index("a", "a"), (), (ActionKind.CREATE_INDEX, "a", "missing")),
        (index("a", "b"), (index("a", "a"),), (ActionKind.CREATE_INDEX, "a_next", "changed")),
        (index("a", "b"), (index("a_next", "a"),), (ActionKind.CREATE_INDEX, "a", "changed")),
        (index("a", "b"), (index("other", "a"),), (ActionKind.CREATE_INDEX, "a", "missing")),
    ],
)
def test_new_index_says_why_it_is_built(
    declared: dict[str, Any], found: tuple[dict[str, Any], ...], expected: tuple[str, str, str]
) -> None:
    assert changes(declared, *found)[0] == expected


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"hidden": True}, {"expireAfterSeconds": 9}, "changed: expireAfterSeconds, hidden"),
        ({}, {"hidden": True, "expireAfterSeconds": 9}, "changed: expireAfterSeconds, hidden"),
        ({"hidden": True, "expireAfterSeconds": 9}, {"expireAfterSeconds": 9}, "changed: hidden"),
    ],
)
def test_both_light_options_change_at_once(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    assert changes(index("a", "a", **after), index("a", "a", **before)) == [(ActionKind.MODIFY_INDEX, "a", reason)]


def test_option_that_goes_is_switched_off() -> None:
    [action] = index_changes("things", [index("a", "a")], [index("a", "a", hidden=True)])[0]

    assert action.document == {"key": {"a": 1}, "name": "a", "hidden": False}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"unique": True, "hidden": True}),
        ({"unique": True}, {}),
        ({}, {"sparse": True}),
        ({"partialFilterExpression": {"a": 1}}, {"partialFilterExpression": {"a": 2}}),
    ],
)
def test_other_changes_are_built_beside_the_index(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert changes(index("a", "a", **after), index("a", "a", **before)) == [
        (ActionKind.CREATE_INDEX, "a_next", "changed"),
        (ActionKind.DROP_REPLACED_INDEX, "a", "replaced"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [({"expireAfterSeconds": 9}, {}), ({"expireAfterSeconds": 9, "hidden": True}, {})],
)
def test_index_that_the_server_takes_for_the_same_is_dropped_first(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert changes(index("a", "a", **after), index("a", "a", **before)) == [
        (ActionKind.DROP_BLOCKING_INDEX, "a", "replaced"),
        (ActionKind.CREATE_INDEX, "a", "changed"),
    ]


def test_every_declared_index_is_looked_at() -> None:
    declared = [index("a", "a"), index("b", "b"), index("c", "c")]

    actions, extra = index_changes("things", declared, [index("b", "b"), index("x", "x")])

    assert [(action.kind, action.index) for action in actions] == [
        (ActionKind.CREATE_INDEX, "a"),
        (ActionKind.CREATE_INDEX, "c"),
    ]
    assert [other.index for other in extra] == ["x"]
