"""Collections of saved queries and their scheduled reports."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.analytics.query.saved.store import REPORTS as REPORTS_NAME
from docustore.analytics.query.saved.store import SAVED_QUERIES as SAVED_QUERIES_NAME
from docustore.reports.deliveries import DELIVERIES, DeliveryState
from indexes.declaration import CollectionDeclaration

# Read by name; at most a thousand.
SAVED_QUERIES: Final = CollectionDeclaration(name=SAVED_QUERIES_NAME)

# Read by name; at most a few hundred.
REPORTS: Final = CollectionDeclaration(name=REPORTS_NAME)

REPORT_DELIVERIES: Final = CollectionDeclaration(
    name=DELIVERIES,
    indexes=(
        # reports.deliveries: one delivery per report and slot. Unique is correctness: workers may race.
        IndexModel([("report", ASCENDING), ("slot", DESCENDING)], name="report_slot_unique", unique=True),
        # reports.deliveries: what is due, the oldest first.
        IndexModel(
            [("state", ASCENDING), ("due_at", ASCENDING)],
            name="due_at",
            partialFilterExpression={"state": DeliveryState.DUE.value},
        ),
        # The server's own query, once a minute: deletes old deliveries.
        IndexModel([("expires_at", ASCENDING)], name="expires_at_expiry", expireAfterSeconds=0),
    ),
)
