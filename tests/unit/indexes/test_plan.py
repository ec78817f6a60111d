"""A plan lists what differs, and nothing when nothing does."""

import json
from typing import Any

import pytest
from pymongo import IndexModel

from indexes.actions import ActionKind
from indexes.declaration import CollectionDeclaration, ViewDeclaration
from indexes.declared import COLLECTIONS, DECLARED
from indexes.existing import ExistingCollection
from indexes.plan import make_plan

VALIDATOR = {"$jsonSchema": {"required": ["a"]}}
THINGS = CollectionDeclaration(
    name="things", indexes=(IndexModel([("a", 1)], name="a"),), validator=VALIDATOR, has_images=True
)
OPTIONS = {
    "validator": VALIDATOR,
    "validationLevel": "moderate",
    "validationAction": "error",
    "changeStreamPreAndPostImages": {"enabled": True},
}
A = {"v": 2, "key": {"a": 1}, "name": "a"}
X = {"v": 2, "key": {"x": 1}, "name": "x"}


def found(*indexes: dict[str, Any], **options: Any) -> dict[str, ExistingCollection]:
    by_name = {index["name"]: index for index in indexes}
    return {"things": ExistingCollection(name="things", options=OPTIONS | options, indexes=by_name)}


def kinds(existing: dict[str, ExistingCollection], *, prune: bool = False) -> list[ActionKind]:
    return [action.kind for action in make_plan([THINGS], existing, prune=prune).actions]


def test_equal_database_is_in_sync() -> None:
    assert make_plan([THINGS], found(A)).is_in_sync


def test_missing_collection_is_created_with_its_options() -> None:
    create, build = make_plan([THINGS], {}).actions

    assert (create.kind, create.document) == (ActionKind.CREATE_COLLECTION, OPTIONS)
    assert (build.kind, build.index) == (ActionKind.CREATE_INDEX, "a")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"validator": {}}, ActionKind.SET_VALIDATOR),
        ({"validationLevel": "strict"}, ActionKind.SET_VALIDATOR),
        ({"validationAction": "warn"}, ActionKind.SET_VALIDATOR),
        ({"changeStreamPreAndPostImages": {"enabled": False}}, ActionKind.ENABLE_IMAGES),
    ],
)
def test_changed_option_is_set_again(options: dict[str, Any], kind: ActionKind) -> None:
    assert kinds(found(A, **options)) == [kind]


def test_undeclared_index_is_drift_without_action() -> None:
    plan = make_plan([THINGS], found(A, X))

    assert not plan.is_in_sync
    assert plan.actions == ()


def test_prune_hides_before_it_drops() -> None:
    """A query may need the index: unhiding is immediate, a rebuild takes hours."""
    assert kinds(found(A, X), prune=True) == [ActionKind.HIDE_EXTRA_INDEX]
    assert kinds(found(A, X | {"hidden": True}), prune=True) == [ActionKind.DROP_EXTRA_INDEX]


def test_json_has_facts_only() -> None:
    plan = make_plan([THINGS], found(X))

    assert json.loads(json.dumps(plan.as_json())) == {
        "in_sync": False,
        "actions": [{"kind": "create_index", "collection": "things", "index": "a", "reason": "missing"}],
        "extra": [{"collection": "things", "index": "x", "is_hidden": False}],
    }


def test_declared_names_are_unique() -> None:
    assert len({declaration.name for declaration in DECLARED}) == len(DECLARED)
    for declaration in COLLECTIONS:
        names = [index.document["name"] for index in declaration.indexes]
        assert len(set(names)) == len(names)


SEEN = ViewDeclaration(name="seen", on="things", pipeline=[{"$match": {"a": 1}}])


def view(**options: Any) -> dict[str, ExistingCollection]:
    given = {"viewOn": "things", "pipeline": [{"$match": {"a": 1}}], **options}
    return {"seen": ExistingCollection(name="seen", options=given, indexes={})}


def test_equal_view_is_in_sync() -> None:
    assert make_plan([SEEN], view()).is_in_sync


@pytest.mark.parametrize(
    ("existing", "kind", "reason"),
    [
        ({}, ActionKind.CREATE_VIEW, "missing"),
        (view(pipeline=[]), ActionKind.SET_VIEW, "changed"),
        (view(viewOn="others"), ActionKind.SET_VIEW, "changed"),
    ],
)
def test_view_that_differs_is_set(existing: dict[str, ExistingCollection], kind: ActionKind, reason: str) -> None:
    [action] = make_plan([SEEN], existing).actions

    assert (action.kind, action.collection, action.reason) == (kind, "seen", reason)
    assert action.document == {"viewOn": "things", "pipeline": [{"$match": {"a": 1}}]}
