"""Wait until the kept quality holds every change.

A gate must not judge older users.
"""

import asyncio
import time
from typing import Final

from docustore.changes.status import wait_until_applied
from docustore.database import Database
from docustore.effect_states import load_effect_state
from docustore.quality.stored import USER_QUALITY

_POLL_S: Final = 0.05


async def unjudged_problem(database: Database, *, timeout_s: float) -> str | None:
    """Wait until every change that was made before this call is judged.

    Returns:
        A sentence if that takes longer than `timeout_s`; else None. Also None if there are no figures yet: then
        every rule is unknown.
    """
    if await load_effect_state(database, USER_QUALITY) is None:
        return None
    deadline = time.monotonic() + timeout_s
    try:
        seq = await wait_until_applied(database, timeout_s=timeout_s)
    except TimeoutError:
        return f"Changes of users are not applied after {timeout_s:g} s: see `docustore changes status`."
    while (state := await load_effect_state(database, USER_QUALITY)) is None or state.seq < seq:
        if time.monotonic() >= deadline:
            return f"Changes of users are not judged after {timeout_s:g} s: see `docustore changes effects`."
        await asyncio.sleep(_POLL_S)
    return None
