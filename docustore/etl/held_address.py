"""An address that a plan gives to a user and another user has."""

from collections import Counter
from collections.abc import Sequence

from docustore.database import Database
from docustore.etl.plan import BatchPlan, UserWrite
from docustore.users.stored import USERS


async def is_address_held(database: Database, plan: BatchPlan) -> bool:
    """Tell whether another user has an address of the plan.

    It may be a user outside the plan. The plan knows the users with the addresses of the records. The other
    addresses are those of identities, which differ from the user's only after a write of another client. For the
    same reason two users of the plan may end with one address.
    """
    writes = [*plan.writes, *(write for move in plan.moves for write in move.writes)]
    emails = [write.fields["email"] for write in writes if write.fields is not None and "email" in write.fields]
    if is_shared_within(writes):
        return True
    known = [write.before["_id"] for write in writes if write.before is not None]
    held = {"email": {"$in": emails}, "deleted_at": None, "_id": {"$nin": known}}
    return await database[USERS].find_one(held, {"_id": 1}) is not None


def is_shared_within(writes: Sequence[UserWrite]) -> bool:
    """Tell whether two present users have one address after the writes. Pure."""
    ends: Counter[object] = Counter()
    for write in writes:
        before = write.before or {}
        address = None if write.fields is None else write.fields.get("email", before.get("email"))
        if isinstance(address, str) and before.get("deleted_at") is None:
            ends[address] += 1
    return any(number > 1 for number in ends.values())
