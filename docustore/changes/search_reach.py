"""How far the search index is complete.

The positions of the listener and the state of its effect tell it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from docustore.changes.dead_letters import LETTERS, OPEN_STATES
from docustore.changes.position import POSITION_ID, POSITIONS, ListenerState
from docustore.database import AWARE, Database, Document
from docustore.effect_states import EFFECT_STATES, EffectState, effect_state_of
from docustore.users.search_index import USER_SEARCH

# One read: a search waits for it.
_PIPELINE: Final[Sequence[dict[str, Any]]] = (
    {"$match": {"_id": USER_SEARCH}},
    {"$project": {"effect": "$$ROOT"}},
    {
        "$unionWith": {
            "coll": POSITIONS,
            "pipeline": [
                {"$match": {"state": {"$exists": True}}},
                {"$project": {"position": {"state": "$state", "cluster_time": "$cluster_time", "seq": "$seq"}}},
            ],
        }
    },
    {
        "$unionWith": {
            "coll": LETTERS,
            "pipeline": [
                {"$match": {"state": {"$in": list(OPEN_STATES)}}},
                {"$limit": 1},
                {"$project": {"letter": "$_id"}},
            ],
        }
    },
)


async def search_complete_until(database: Database) -> datetime | None:
    """Return the time before which every write is in the search index.

    None while that is true of no time. An answer stays true: a listener passes no change that it has not applied.
    An open dead letter hides how far the changes of its user are applied. The times of a position are whole
    seconds, so the second in which it stands counts as not complete.
    """
    effects = database[EFFECT_STATES].with_options(codec_options=AWARE)
    found = await (await effects.aggregate(list(_PIPELINE))).to_list()
    states = [effect_state_of(each["effect"]) for each in found if "effect" in each]
    if not states or any("letter" in each for each in found):
        return None
    return complete_until(states[0], {each["_id"]: each["position"] for each in found if "position" in each})


def complete_until(state: EffectState, positions: dict[str, Document]) -> datetime | None:
    """Return the time before which every change is in the index. Pure.

    None during a build, and while a listener follows another way than the stream. Also None while the index waits
    for rows of several partitions: these are not in the order of time.
    """
    times = [
        datetime.fromtimestamp(each["cluster_time"].time, UTC)
        for each in positions.values()
        if each["state"] == ListenerState.STREAMING.value and each.get("cluster_time") is not None
    ]
    head = positions.get(POSITION_ID)
    if not state.is_live or head is None or len(times) < len(positions):
        return None
    if state.seq >= head["seq"]:
        return min(times)
    return None if len(positions) > 1 or state.as_of is None else min(*times, state.as_of)
