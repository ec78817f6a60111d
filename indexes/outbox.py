"""The collections of the outbox: destinations, their rows, webhooks."""

from typing import Final

from pymongo import ASCENDING, IndexModel

from docustore.changes.subscriptions import DESTINATIONS, PENDING
from docustore.changes.subscriptions import OUTBOX as OUTBOX_NAME
from docustore.webhooks.store import WEBHOOKS as WEBHOOKS_NAME
from indexes.declaration import CollectionDeclaration

# Delivered rows are not in these indexes: they stay as small as the backlog.
_PENDING: Final = {"state": PENDING}

# The deliveries of one destination are listed by `_id`, which begins with its name and ends with the number.
OUTBOX: Final = CollectionDeclaration(
    name=OUTBOX_NAME,
    indexes=(
        # outbox.rows: the events of a destination that are due, the oldest first.
        IndexModel(
            [("destination", ASCENDING), ("due_at", ASCENDING)],
            name="pending_due_at",
            partialFilterExpression=_PENDING,
        ),
        # outbox.rows: the pending events of some lanes, in their order.
        IndexModel(
            [("destination", ASCENDING), ("lane", ASCENDING), ("number", ASCENDING)],
            name="pending_lane_number",
            partialFilterExpression=_PENDING,
        ),
        # outbox.figures, outbox.fill, outbox.upkeep: the number of pending events, and the oldest of them.
        IndexModel(
            [("destination", ASCENDING), ("number", ASCENDING)],
            name="pending_number",
            partialFilterExpression=_PENDING,
        ),
        # The server's own query, once a minute: deletes what was delivered or given up.
        IndexModel(
            [("expires_at", ASCENDING)],
            name="expires_at_expiry",
            expireAfterSeconds=0,
            partialFilterExpression={"expires_at": {"$exists": True}},
        ),
    ),
)

# At most a hundred documents; the listener reads those that are enabled with every batch.
OUTBOX_DESTINATIONS: Final = CollectionDeclaration(name=DESTINATIONS)

# Read and written by `_id`, the webhook's id.
WEBHOOKS: Final = CollectionDeclaration(name=WEBHOOKS_NAME)
