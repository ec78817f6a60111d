"""The difference between the declarations and a database, as a list of actions. Pure.

An index is recognised by its definition (keys and options), not by its name: a server cannot rename an index,
so a changed one is built beside the old one under its other name (`email_unique`, `email_unique_next`) and the
old one is dropped when the new one is complete. At no time is there neither.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from indexes.declaration import CollectionDeclaration
from indexes.existing import ExistingCollection

# Moderate: an update of a document that does not fit already is let through. Otherwise one bad document left
# by another client would make every later write to it fail, the one that would mend it in two steps too.
VALIDATION_LEVEL: Final = "moderate"
IMAGES_OPTION: Final = "changeStreamPreAndPostImages"
# The options that `collMod` changes without building the index again.
_MODIFIABLE: Final = frozenset({"hidden", "expireAfterSeconds"})
_DESCRIPTIVE: Final = frozenset({"v", "ns", "name", "key", "background", "prepareUnique"})


class ActionKind(StrEnum):
    """What has to be done; in the order in which the actions of one collection are done."""

    CREATE_COLLECTION = "create_collection"
    SET_VALIDATOR = "set_validator"
    ENABLE_IMAGES = "enable_images"
    MODIFY_INDEX = "modify_index"
    MAKE_UNIQUE = "make_unique"
    CREATE_INDEX = "create_index"
    DROP_REPLACED_INDEX = "drop_replaced_index"
    HIDE_EXTRA_INDEX = "hide_extra_index"
    DROP_EXTRA_INDEX = "drop_extra_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One change of one collection; `document` is what the server's command needs, in its own shape."""

    kind: ActionKind
    collection: str
    index: str | None = None
    reason: str
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraIndex:
    """An index that no declaration asks for: left alone unless pruning is asked for."""

    collection: str
    index: str
    is_hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What differs. Pruned extras are among the actions, the others in `extra`."""

    actions: tuple[Action, ...] = ()
    extra: tuple[ExtraIndex, ...] = ()

    @property
    def is_in_sync(self) -> bool:
        """True when the database is exactly as declared."""
        return not self.actions and not self.extra

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints.

        Shape: `{in_sync, actions: [{kind, collection, index, reason}], extra: [{collection, index, is_hidden}]}`.
        """
        actions = [
            {"kind": a.kind.value, "collection": a.collection, "index": a.index, "reason": a.reason}
            for a in self.actions
        ]
        return {"in_sync": self.is_in_sync, "actions": actions, "extra": [asdict(extra) for extra in self.extra]}


def make_plan(
    declared: Iterable[CollectionDeclaration], existing: Mapping[str, ExistingCollection], *, prune: bool = False
) -> Plan:
    """Compare declarations with a database.

    Args:
        prune: Plan to hide undeclared indexes, and to drop those that are hidden already. Two applies and the
            time between them stand before the loss of an index that somebody uses.
    """
    actions: list[Action] = []
    extra: list[ExtraIndex] = []
    for declaration in declared:
        found = existing.get(declaration.name)
        if found is None:
            actions += _creation(declaration)
            continue
        actions += _option_changes(declaration, found)
        index_actions, unknown = _index_changes(declaration, found)
        actions += index_actions
        extra += unknown
    if not prune:
        return Plan(actions=tuple(actions), extra=tuple(extra))
    return Plan(actions=(*actions, *(_pruning(unknown) for unknown in extra)))


def alternate_name(name: str) -> str:
    """Name the place where a changed index is built while the old one serves."""
    return f"{name}_next"


def _creation(declaration: CollectionDeclaration) -> Iterator[Action]:
    yield Action(
        kind=ActionKind.CREATE_COLLECTION,
        collection=declaration.name,
        reason="missing",
        document=_validation(declaration) | _images(declaration),
    )
    for index in declaration.indexes:
        yield _index_creation(declaration.name, index.document, reason="missing")


def _validation(declaration: CollectionDeclaration) -> dict[str, Any]:
    if declaration.validator is None:
        return {}
    return {
        "validator": declaration.validator,
        "validationLevel": VALIDATION_LEVEL,
        "validationAction": "error",
    }


def _images(declaration: CollectionDeclaration) -> dict[str, Any]:
    return {IMAGES_OPTION: {"enabled": True}} if declaration.has_images else {}


def _option_changes(declaration: CollectionDeclaration, found: ExistingCollection) -> Iterator[Action]:
    wanted = _validation(declaration)
    if any(found.options.get(name) != value for name, value in wanted.items()):
        reason = "changed" if "validator" in found.options else "missing"
        yield Action(kind=ActionKind.SET_VALIDATOR, collection=declaration.name, reason=reason, document=wanted)
    wanted = _images(declaration)
    if any(found.options.get(name) != value for name, value in wanted.items()):
        yield Action(kind=ActionKind.ENABLE_IMAGES, collection=declaration.name, reason="missing", document=wanted)


def _index_changes(
    declaration: CollectionDeclaration, found: ExistingCollection
) -> tuple[list[Action], list[ExtraIndex]]:
    unclaimed = dict(found.indexes)
    actions: list[Action] = []
    for index in declaration.indexes:
        wanted = index.document
        serving = _same_definition(wanted, unclaimed.values())
        if serving is not None:
            del unclaimed[serving["name"]]
    for index in declaration.indexes:
        wanted = index.document
        serving = _same_definition(wanted, found.indexes.values())
        replaced = [n for n in (wanted["name"], alternate_name(wanted["name"])) if n in unclaimed]
        superseded = [unclaimed.pop(name) for name in replaced]
        if serving is None:
            actions += _change_of_index(declaration.name, wanted, superseded)
        else:
            actions += [_replaced(declaration.name, old["name"]) for old in superseded]
    extra = [
        ExtraIndex(collection=declaration.name, index=name, is_hidden=bool(old.get("hidden")))
        for name, old in unclaimed.items()
    ]
    return sorted(actions, key=lambda action: list(ActionKind).index(action.kind)), extra


def _same_definition(
    wanted: Mapping[str, Any], candidates: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    same = [c for c in candidates if _keys(c) == _keys(wanted) and _options(c) == _options(wanted)]
    same.sort(key=lambda candidate: candidate["name"] != wanted["name"])
    return same[0] if same else None


def _change_of_index(
    collection: str, wanted: Mapping[str, Any], superseded: list[Mapping[str, Any]]
) -> Iterator[Action]:
    """Reach the wanted index from those that stand in its place, in the cheapest way without a gap."""
    for old in superseded:
        if _keys(old) != _keys(wanted):
            continue
        differing = _differing_options(old, wanted)
        if differing <= _MODIFIABLE:
            changes = {name: _options(wanted).get(name, False) for name in differing}
            yield _modification(ActionKind.MODIFY_INDEX, collection, old, changes)
            return
        if differing == {"unique"} and wanted.get("unique"):
            yield _modification(ActionKind.MAKE_UNIQUE, collection, old, {"unique": True})
            return
    taken = {old["name"] for old in superseded}
    name = alternate_name(wanted["name"]) if wanted["name"] in taken else wanted["name"]
    yield _index_creation(collection, {**wanted, "name": name}, reason="changed" if taken else "missing")
    for old in superseded:
        yield _replaced(collection, old["name"])


def _index_creation(collection: str, document: Mapping[str, Any], *, reason: str) -> Action:
    return Action(
        kind=ActionKind.CREATE_INDEX,
        collection=collection,
        index=document["name"],
        reason=reason,
        document=document,
    )


def _modification(kind: ActionKind, collection: str, old: Mapping[str, Any], changes: Mapping[str, Any]) -> Action:
    return Action(
        kind=kind,
        collection=collection,
        index=old["name"],
        reason=f"changed: {', '.join(sorted(changes))}",
        document={"name": old["name"], **changes},
    )


def _replaced(collection: str, name: str) -> Action:
    return Action(
        kind=ActionKind.DROP_REPLACED_INDEX, collection=collection, index=name, reason="its successor is complete"
    )


def _pruning(extra: ExtraIndex) -> Action:
    kind = ActionKind.DROP_EXTRA_INDEX if extra.is_hidden else ActionKind.HIDE_EXTRA_INDEX
    reason = "undeclared and hidden" if extra.is_hidden else "undeclared; the next prune drops it"
    return Action(kind=kind, collection=extra.collection, index=extra.index, reason=reason)


def _keys(index: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(index["key"].items())


def _options(index: Mapping[str, Any]) -> dict[str, Any]:
    """The options that make a difference; one that is off is the same as one not given."""
    return {name: value for name, value in index.items() if name not in _DESCRIPTIVE and value is not False}


def _differing_options(old: Mapping[str, Any], wanted: Mapping[str, Any]) -> set[str]:
    before, after = _options(old), _options(wanted)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
