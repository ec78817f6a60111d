"""The difference between the declarations and a database, as actions (pure)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from indexes.actions import Action, ActionKind, ExtraIndex
from indexes.declaration import CollectionDeclaration, Declaration, ViewDeclaration
from indexes.existing import ExistingCollection
from indexes.index_changes import index_changes, index_creation

# Moderate: an update of a document that is already invalid is accepted. Otherwise every write to an invalid
# document of another client would fail, also one that fixes it field by field.
VALIDATION_LEVEL: Final = "moderate"
IMAGES_OPTION: Final = "changeStreamPreAndPostImages"
_ORDER: Final = {kind: position for position, kind in enumerate(ActionKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The difference; actions are grouped by collection, in the order of execution.

    Undeclared indexes are in `extra`, or among the actions when pruning was requested.
    """

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
            {"kind": action.kind, "collection": action.collection, "index": action.index, "reason": action.reason}
            for action in self.actions
        ]
        return {"in_sync": self.is_in_sync, "actions": actions, "extra": [asdict(extra) for extra in self.extra]}


def make_plan(
    declared: Iterable[Declaration], existing: Mapping[str, ExistingCollection], *, prune: bool = False
) -> Plan:
    """Compare declarations with a database.

    Args:
        prune: Hide undeclared indexes, and drop those that are hidden already. So an index that is still in use
            is lost only after two applies, and the time between them shows its absence.
    """
    actions: list[Action] = []
    extra: list[ExtraIndex] = []
    for declaration in declared:
        found = existing.get(declaration.name)
        if isinstance(declaration, ViewDeclaration):
            actions += _view_changes(declaration, found)
            continue
        if found is None:
            actions += _creation(declaration)
            continue
        wanted = [index.document for index in declaration.indexes]
        changes, unknown = index_changes(declaration.name, wanted, list(found.indexes.values()))
        pruning = [_pruning(index) for index in unknown] if prune else []
        ordered = sorted((*changes, *pruning), key=lambda action: _ORDER[action.kind])
        actions += [*_option_changes(declaration, found), *ordered]
        extra += [] if prune else unknown
    return Plan(actions=tuple(actions), extra=tuple(extra))


def _view_changes(declaration: ViewDeclaration, found: ExistingCollection | None) -> Iterator[Action]:
    wanted = {"viewOn": declaration.on, "pipeline": [dict(stage) for stage in declaration.pipeline]}
    if found is None:
        yield Action(kind=ActionKind.CREATE_VIEW, collection=declaration.name, reason="missing", document=wanted)
    elif any(found.options.get(name) != value for name, value in wanted.items()):
        yield Action(kind=ActionKind.SET_VIEW, collection=declaration.name, reason="changed", document=wanted)


def _creation(declaration: CollectionDeclaration) -> Iterator[Action]:
    yield Action(
        kind=ActionKind.CREATE_COLLECTION,
        collection=declaration.name,
        reason="missing",
        document=_validation(declaration) | _images(declaration),
    )
    for index in declaration.indexes:
        yield index_creation(declaration.name, index.document, reason="missing")


def _option_changes(declaration: CollectionDeclaration, found: ExistingCollection) -> Iterator[Action]:
    for kind, wanted in (
        (ActionKind.SET_VALIDATOR, _validation(declaration)),
        (ActionKind.ENABLE_IMAGES, _images(declaration)),
    ):
        if any(found.options.get(name) != value for name, value in wanted.items()):
            reason = "changed" if found.options.keys() & wanted.keys() else "missing"
            yield Action(kind=kind, collection=declaration.name, reason=reason, document=wanted)


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


def _pruning(extra: ExtraIndex) -> Action:
    if extra.is_hidden:
        kind, reason = ActionKind.DROP_EXTRA_INDEX, "undeclared and hidden"
    else:
        kind, reason = ActionKind.HIDE_EXTRA_INDEX, "undeclared; the next prune drops it"
    return Action(kind=kind, collection=extra.collection, index=extra.index, reason=reason)
