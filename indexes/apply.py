"""Makes a database as declared: idempotent, and safe for concurrent processes."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import structlog
from pymongo.errors import OperationFailure

from docustore.database import Database
from docustore.transient import DUPLICATE_KEY
from indexes.actions import Action, ActionKind
from indexes.declaration import Declaration
from indexes.declared import DECLARED
from indexes.duplicates import duplicates_error
from indexes.existing import read_existing
from indexes.lock import schema_lock
from indexes.plan import Plan, make_plan

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
CANNOT_CONVERT_INDEX_TO_UNIQUE: Final = 359
NAMESPACE_EXISTS: Final = 48

log = structlog.get_logger()


async def plan_indexes(
    database: Database, *, declared: Sequence[Declaration] = DECLARED, prune: bool = False
) -> Plan:
    """Compare the database with the declarations, and change nothing."""
    existing = await read_existing(database, [declaration.name for declaration in declared])
    return make_plan(declared, existing, prune=prune)


async def apply_indexes(
    database: Database, *, declared: Sequence[Declaration] = DECLARED, prune: bool = False
) -> Plan:
    """Make the database as declared and return what was done.

    Idempotent: a second call finds nothing to do and takes no lock. Not atomic: after a failure some actions are
    done, and the next call does the rest. Writers may continue meanwhile.

    Args:
        prune: Hide undeclared indexes, and drop those that are hidden already.

    Raises:
        SchemaDriftError: Existing documents share keys of a unique index.
    """
    plan = await plan_indexes(database, declared=declared, prune=prune)
    if not plan.actions:
        return plan
    async with schema_lock(database):
        # Planned again: another process may have done everything while this one waited.
        plan = await plan_indexes(database, declared=declared, prune=prune)
        by_collection = groupby(plan.actions, key=lambda action: action.collection)
        await asyncio.gather(*(_apply_to(database, name, list(actions)) for name, actions in by_collection))
    if plan.actions:
        log.info("indexes.applied", database=database.name, actions=len(plan.actions))
    return plan


async def _apply_to(database: Database, collection: str, actions: Sequence[Action]) -> None:
    """Run the actions of one collection in order; build its indexes in one scan."""
    for kind, of_kind in groupby(actions, key=lambda action: action.kind):
        if kind is ActionKind.CREATE_INDEX:
            await _create_indexes(database, collection, [dict(action.document) for action in of_kind])
            continue
        for action in of_kind:
            await _do(database, action)


async def _do(database: Database, action: Action) -> None:
    match action.kind:
        case ActionKind.CREATE_COLLECTION | ActionKind.CREATE_VIEW:
            await _create_collection(database, action)
        case ActionKind.SET_VALIDATOR | ActionKind.ENABLE_IMAGES | ActionKind.SET_VIEW:
            await database.command("collMod", action.collection, **action.document)
        case ActionKind.MODIFY_INDEX:
            change = {option: value for option, value in action.document.items() if option != "key"}
            await _modify_index(database, action.collection, change)
        case ActionKind.HIDE_EXTRA_INDEX:
            await _modify_index(database, action.collection, {"name": action.index, "hidden": True})
        case ActionKind.MAKE_UNIQUE:
            await _make_unique(database, action)
        case ActionKind.DROP_BLOCKING_INDEX | ActionKind.DROP_REPLACED_INDEX | ActionKind.DROP_EXTRA_INDEX:
            await database.command("dropIndexes", action.collection, index=action.index)
        case ActionKind.CREATE_INDEX:
            await _create_indexes(database, action.collection, [dict(action.document)])


async def _create_collection(database: Database, action: Action) -> None:
    try:
        await database.command("create", action.collection, **action.document)
    except OperationFailure as exc:
        if exc.code != NAMESPACE_EXISTS:
            raise
        # A writer created it by an insert after the plan was made. Only its options are missing.
        if action.document:
            await database.command("collMod", action.collection, **action.document)


async def _create_indexes(database: Database, collection: str, documents: list[dict[str, Any]]) -> None:
    try:
        await database.command("createIndexes", collection, indexes=documents)
    except OperationFailure as exc:
        if exc.code != DUPLICATE_KEY:
            raise
        unique = [document for document in documents if document.get("unique")]
        raise await duplicates_error(database, collection, unique) from None


async def _modify_index(database: Database, collection: str, change: Mapping[str, Any]) -> None:
    await database.command("collMod", collection, index=dict(change))


async def _make_unique(database: Database, action: Action) -> None:
    """Make an index unique without a rebuild.

    New duplicates are refused from the first step on.
    """
    name = action.index
    await _modify_index(database, action.collection, {"name": name, "prepareUnique": True})
    try:
        await _modify_index(database, action.collection, {"name": name, "unique": True})
    except OperationFailure as exc:
        await _modify_index(database, action.collection, {"name": name, "prepareUnique": False})
        if exc.code != CANNOT_CONVERT_INDEX_TO_UNIQUE:
            raise
        raise await duplicates_error(database, action.collection, [action.document]) from None
