"""Record an action: who, when, what, on what, and the state before and after.

Write the entry in the transaction of the action, so that one does not exist without the other.
"""

from collections.abc import Mapping
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.clock import now_utc
from docustore.database import Database

AUDIT_LOG: Final = "audit_log"


async def record(
    database: Database,
    *,
    actor: str,
    action: str,
    target: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    session: AsyncClientSession | None = None,
) -> None:
    """Append one entry.

    Args:
        actor: `api:<key id>` or `cli:<user of the machine>`.
        action: Two stable words, such as `changes.pause`.
        target: What the action changed, such as `change_positions/users`.
        before: The facts that the action changed, without secrets; None where there were none.
    """
    entry = {
        "at": now_utc(),
        "actor": actor,
        "action": action,
        "target": target,
        "before": None if before is None else dict(before),
        "after": None if after is None else dict(after),
    }
    await database[AUDIT_LOG].insert_one(entry, session=session)
