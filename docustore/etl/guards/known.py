"""Count the users that a source has in the store."""

import re
from typing import Any

from docustore.database import Database
from docustore.users.stored import USERS


def live_identities(source: str) -> dict[str, Any]:
    """Match the users with an identity of a source that has not ended.

    Uses the index `identity_key_unique`.
    """
    key = {"$regex": f"^{re.escape(source)}:"}
    # The first condition is for the planner: it uses a partial index only for the path that the index names.
    return {"identities.key": key, "identities": {"$elemMatch": {"key": key, "deleted_at": None}}}


async def count_known(database: Database, source: str) -> int:
    """Count the users with an identity of a source that has not ended."""
    return await database[USERS].count_documents(live_identities(source))
