"""Dead letters as people and programs see them.

They are shown without the stored state of the user.
"""

from datetime import datetime
from typing import Any

import msgspec

from docustore.changes.dead_letters import LETTERS, OPEN_STATES, LetterState
from docustore.database import Database
from docustore.errors import NotFoundError

MAX_SHOWN = 100


class DeadLetterView(msgspec.Struct, frozen=True):
    """A change that could not be applied.

    `user_id` is the id as text. `code` is the server's error code. `at` is the time of the change.
    """

    id: str
    user_id: str
    operation: str
    state: LetterState
    error: str | None
    code: int | None
    reason: str | None
    attempts: int
    at: datetime | None


async def list_letters(database: Database, *, include_closed: bool = False) -> list[DeadLetterView]:
    """List letters, at most 100: the oldest changes first."""
    states = [*OPEN_STATES, LetterState.FOREIGN]
    query: dict[str, Any] = {} if include_closed else {"state": {"$in": states}}
    letters = database[LETTERS].find(query, {"after": 0, "row": 0}).sort([("cluster_time", 1), ("_id", 1)])
    return [_shown(letter) async for letter in letters.limit(MAX_SHOWN)]


async def find_letter(database: Database, letter_id: str) -> DeadLetterView:
    """Read one letter.

    Raises:
        NotFoundError: There is no such letter.
    """
    letter = await database[LETTERS].find_one({"_id": letter_id}, {"after": 0, "row": 0})
    if letter is None:
        raise NotFoundError(kind="dead letter", id=letter_id)
    return _shown(letter)


def _shown(letter: dict[str, Any]) -> DeadLetterView:
    return DeadLetterView(
        id=letter["_id"],
        user_id=letter["user_id"],
        operation=letter["operation"],
        state=LetterState(letter["state"]),
        error=letter["error"],
        code=letter["code"],
        reason=letter["reason"],
        attempts=letter["attempts"],
        at=letter.get("wall_time"),
    )
