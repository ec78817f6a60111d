"""Ignore quarantine entries, and open them again. Each action is audited."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.database import Database, in_transaction
from docustore.etl.models import QUARANTINE, QuarantineState
from docustore.etl.selection import Selection, require_known

CLOSED: Final = (QuarantineState.IGNORED, QuarantineState.RESOLVED)
NOT_CLOSED: Final[Mapping[str, Any]] = dict.fromkeys(
    ("resolved_at", "resolved_by", "ignored_at", "ignored_by", "ignored_reason")
)


async def ignore_entries(
    database: Database, selection: Selection, *, reason: str, actor: str, now: datetime
) -> int:
    """Ignore open entries; a record that is read again stays ignored.

    Returns:
        The number of entries that were open.

    Raises:
        NotFoundError: There is no entry with a given id.
    """
    facts = {"state": QuarantineState.IGNORED.value, "ignored_reason": reason}
    changed = {**facts, "ignored_at": now, "ignored_by": actor}
    return await _change(database, selection, changed, action="quarantine.ignore", facts=facts, actor=actor)


async def reopen_entries(database: Database, selection: Selection, *, actor: str) -> int:
    """Open entries that were ignored or resolved.

    Returns:
        The number of entries that were not open.

    Raises:
        NotFoundError: There is no entry with a given id.
    """
    facts = {"state": QuarantineState.OPEN.value}
    closed = replace(selection, states=CLOSED)
    changed = {**NOT_CLOSED, **facts}
    return await _change(database, closed, changed, action="quarantine.reopen", facts=facts, actor=actor)


async def _change(
    database: Database,
    selection: Selection,
    changed: Mapping[str, Any],
    *,
    action: str,
    facts: Mapping[str, Any],
    actor: str,
) -> int:
    await require_known(database, selection)

    async def change_and_record(session: AsyncClientSession) -> int:
        result = await database[QUARANTINE].update_many(selection.query, {"$set": changed}, session=session)
        after = {**facts, "records": result.modified_count}
        await record(database, actor=actor, action=action, target=selection.target, after=after, session=session)
        return result.modified_count

    return await in_transaction(database, change_and_record)
