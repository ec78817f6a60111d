"""An address that a plan gives to a user and another user has."""

from docustore.database import Database
from docustore.etl.plan import BatchPlan
from docustore.users.stored import USERS


async def is_address_held(database: Database, plan: BatchPlan) -> bool:
    """Tell whether a user outside the plan has an address of the plan.

    The plan knows the users with the addresses of the records. The other addresses are those of identities, which
    differ from the user's only after a write of another client.
    """
    writes = [*plan.writes, *(write for move in plan.moves for write in move.writes)]
    emails = [write.fields["email"] for write in writes if write.fields is not None and "email" in write.fields]
    known = [write.before["_id"] for write in writes if write.before is not None]
    held = {"email": {"$in": emails}, "deleted_at": None, "_id": {"$nin": known}}
    return await database[USERS].find_one(held, {"_id": 1}) is not None
