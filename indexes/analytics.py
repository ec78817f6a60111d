"""Collections of the analytics: shares of users, and counters."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.analytics.cube.counts import SERIES, VALUES
from docustore.analytics.cube.share import USER_ANALYTICS as USER_ANALYTICS_NAME
from indexes.declaration import CollectionDeclaration

USER_ANALYTICS: Final = CollectionDeclaration(
    name=USER_ANALYTICS_NAME,
    indexes=(
        # analytics.cube.exact: removed users, which `users` does not hold any more.
        IndexModel([("gone", ASCENDING)], name="gone", partialFilterExpression={"gone": True}),
    ),
)

ANALYTICS_VALUES: Final = CollectionDeclaration(
    name=VALUES,
    indexes=tuple(
        # analytics.cube.totals: all users, and the values of a dimension with the most users.
        IndexModel([("_id.d", ASCENDING), (metric, DESCENDING), ("_id.v", ASCENDING)], name=metric)
        for metric in ("present", "registered")
    ),
)

# Read by ranges of `_id`.
ANALYTICS_SERIES: Final = CollectionDeclaration(name=SERIES)
