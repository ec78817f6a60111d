"""How far the search index holds what was written to users.

The change listener knows it. A search gets it as a value.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from docustore.database import Database
from docustore.effect_states import BuildState


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHorizon:
    """The state of `user_search`, and how far it is complete.

    It holds every write that was made before `complete_until`; None while that is true of no time.
    """

    state: BuildState
    complete_until: datetime | None


ReadSearchHorizon = Callable[[Database], Awaitable[SearchHorizon]]
