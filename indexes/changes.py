"""The collections of the change listener: history, marts, positions, gaps."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from indexes.declaration import CollectionDeclaration

USER_HISTORY: Final = CollectionDeclaration(
    name="user_history",
    indexes=(
        # changes.images: the last state of each of some users; `_id` is the change's sequence number.
        IndexModel([("user_id", ASCENDING), ("_id", DESCENDING)], name="user_sequence"),
    ),
)

# Read and written by `_id`, the counter's name.
USER_STATS: Final = CollectionDeclaration(name="user_stats")

# Read and written by `_id`, the stream's name.
CHANGE_POSITIONS: Final = CollectionDeclaration(name="change_positions")

# A handful of documents, one per position that was lost.
CHANGE_GAPS: Final = CollectionDeclaration(name="change_gaps")
