"""The collections of the change listener.

They hold history, marts, positions, gaps and dead letters.
"""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.history.compaction import COMPACTIONS as HISTORY_COMPACTIONS_NAME
from indexes.declaration import CollectionDeclaration

USER_HISTORY: Final = CollectionDeclaration(
    name="user_history",
    indexes=(
        # changes.images: the last state of each given user; `_id` is the sequence number of the change.
        # history.user_history, history.moments, history.past_list: the rows of one user, and of every user.
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)], name="user_sequence"),
    ),
)

# One document: how far history is compacted.
HISTORY_COMPACTIONS: Final = CollectionDeclaration(name=HISTORY_COMPACTIONS_NAME)

# Read and written by `_id`, the name of the counter.
USER_STATS: Final = CollectionDeclaration(name="user_stats")

# Read and written by `_id`, the name of the stream.
CHANGE_POSITIONS: Final = CollectionDeclaration(name="change_positions")

CHANGE_LISTENERS: Final = CollectionDeclaration(
    name="change_listeners",
    indexes=(
        # changes.members: a listener that was killed leaves its document behind. Nothing reads it for so long.
        IndexModel([("heartbeat_at", ASCENDING)], name="heartbeat_at_expiry", expireAfterSeconds=3600),
    ),
)

# Read and written by `_id`, the name of the effect.
CHANGE_EFFECTS: Final = CollectionDeclaration(name="change_effects")

# A few documents, one per lost position.
CHANGE_GAPS: Final = CollectionDeclaration(name="change_gaps")

CHANGE_DEAD_LETTERS: Final = CollectionDeclaration(
    name="change_dead_letters",
    indexes=(
        # changes.dead_letters: the open letters, all or of one user, in the order of their changes.
        IndexModel(
            [("state", ASCENDING), ("key", ASCENDING), ("cluster_time", ASCENDING)], name="state_key_cluster_time"
        ),
    ),
)
