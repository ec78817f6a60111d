"""Accept a gap: a person knows what may be missing in history."""

from datetime import datetime
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.audit.log import record
from docustore.changes.gaps import GAPS
from docustore.database import Database, in_transaction
from docustore.errors import NotFoundError

ACTION: Final = "gaps.accept"
# The facts of a gap that an audit entry shows.
_SHOWN: Final = ("reason", "policy", "detected_at", "closed_at", "rows", "accepted_at", "accepted_by")


async def accept_gap(database: Database, gap_id: str, *, actor: str, at: datetime) -> None:
    """Accept a closed gap, which `doctor` then no longer warns of.

    It stays on record, and past states in it stay marked. A gap that was accepted before stays as it is. The audit
    entry belongs to the same transaction.

    Args:
        at: Aware.

    Raises:
        NotFoundError: There is no closed gap with this id.
    """

    async def accept(session: AsyncClientSession) -> None:
        before = await database[GAPS].find_one({"_id": gap_id, "closed_at": {"$ne": None}}, session=session)
        if before is None:
            raise NotFoundError(kind="closed gap", id=gap_id)
        if before.get("accepted_at") is not None:
            return
        accepted = {"accepted_at": at, "accepted_by": actor}
        await database[GAPS].update_one({"_id": gap_id}, {"$set": accepted}, session=session)
        await record(
            database,
            actor=actor,
            action=ACTION,
            target=f"{GAPS}/{gap_id}",
            before={name: before.get(name) for name in _SHOWN},
            after={name: {**before, **accepted}.get(name) for name in _SHOWN},
            session=session,
        )

    await in_transaction(database, accept)
