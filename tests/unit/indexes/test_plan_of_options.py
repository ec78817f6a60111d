"""The options of a collection, and plans of several collections."""

from typing import Any

import pytest
from pymongo import IndexModel

from indexes.actions import ActionKind
from indexes.declaration import CollectionDeclaration
from indexes.existing import ExistingCollection
from indexes.plan import make_plan

VALIDATOR = {"$jsonSchema": {"required": ["a"]}}
VALIDATION = {"validator": VALIDATOR, "validationLevel": "moderate", "validationAction": "error"}
IMAGES = {"changeStreamPreAndPostImages": {"enabled": True}}
X = {"v": 2, "key": {"x": 1}, "name": "x"}


def declaration(name: str = "things", **fields: Any) -> CollectionDeclaration:
    return CollectionDeclaration(**{"name": name, "indexes": (), "validator": None, "has_images": False, **fields})


def existing(name: str = "things", *indexes: dict[str, Any], **options: Any) -> dict[str, ExistingCollection]:
    by_name = {index["name"]: index for index in indexes}
    return {name: ExistingCollection(name=name, options=options, indexes=by_name)}


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"validator": VALIDATOR}, VALIDATION),
        ({"has_images": True}, IMAGES),
        ({"validator": VALIDATOR, "has_images": True}, VALIDATION | IMAGES),
    ],
)
def test_collection_gets_the_options_it_declares(fields: dict[str, Any], options: dict[str, Any]) -> None:
    declared = declaration(**fields)

    [creation] = make_plan([declared], {}).actions

    assert creation.document == options
    assert make_plan([declared], existing(**options)).is_in_sync


@pytest.mark.parametrize(
    ("found", "kind", "reason"),
    [
        (IMAGES, ActionKind.SET_VALIDATOR, "missing"),
        (IMAGES | {"validator": {}}, ActionKind.SET_VALIDATOR, "changed"),
        (VALIDATION, ActionKind.ENABLE_IMAGES, "missing"),
        (VALIDATION | {"changeStreamPreAndPostImages": {"enabled": False}}, ActionKind.ENABLE_IMAGES, "changed"),
    ],
)
def test_option_is_missing_or_changed(found: dict[str, Any], kind: ActionKind, reason: str) -> None:
    declared = declaration(validator=VALIDATOR, has_images=True)

    [action] = make_plan([declared], existing(**found)).actions

    assert (action.kind, action.reason) == (kind, reason)


def test_missing_collection_does_not_end_the_plan() -> None:
    a = IndexModel([("a", 1)], name="a")

    plan = make_plan([declaration("first"), declaration("things", indexes=(a,))], existing("things"))

    assert [(action.kind, action.collection) for action in plan.actions] == [
        (ActionKind.CREATE_COLLECTION, "first"),
        (ActionKind.CREATE_INDEX, "things"),
    ]


def test_undeclared_index_is_extra_or_pruned_never_both() -> None:
    kept = make_plan([declaration()], existing("things", X))
    pruned = make_plan([declaration()], existing("things", X), prune=True)

    assert ([extra.index for extra in kept.extra], kept.actions) == (["x"], ())
    assert (pruned.extra, [action.index for action in pruned.actions]) == ((), ["x"])
    assert not kept.is_in_sync
    assert not pruned.is_in_sync


@pytest.mark.parametrize(
    ("index", "kind", "reason"),
    [
        (X, ActionKind.HIDE_EXTRA_INDEX, "undeclared; the next prune drops it"),
        (X | {"hidden": True}, ActionKind.DROP_EXTRA_INDEX, "undeclared and hidden"),
    ],
)
def test_prune_says_what_it_does_and_why(index: dict[str, Any], kind: ActionKind, reason: str) -> None:
    [action] = make_plan([declaration()], existing("things", index), prune=True).actions

    assert (action.kind, action.reason) == (kind, reason)
