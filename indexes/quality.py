"""The collections of data quality: verdicts, counters, unique values."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.quality.checks import CHECKS, KEPT_FOR
from docustore.quality.counts import COUNTS, VALUES
from docustore.quality.stored import REPORTS
from docustore.quality.stored import USER_QUALITY as USER_QUALITY_NAME
from docustore.quality.waivers import WAIVERS
from indexes.declaration import CollectionDeclaration

USER_QUALITY: Final = CollectionDeclaration(
    name=USER_QUALITY_NAME,
    indexes=(
        # quality.violations: the users that violate a rule, in the order of `_id`.
        IndexModel([("violated", ASCENDING), ("_id", ASCENDING)], name="violated"),
        # quality.report, quality.violations: the users of a rule of time before a cut-off.
        IndexModel([("clocks.rule", ASCENDING), ("clocks.at", ASCENDING)], name="clock"),
        # quality.violations: the users that share a value.
        IndexModel([("keys.rule", ASCENDING), ("keys.value", ASCENDING), ("_id", ASCENDING)], name="key"),
    ),
)

# A few documents, read together.
QUALITY_COUNTS: Final = CollectionDeclaration(name=COUNTS)

QUALITY_VALUES: Final = CollectionDeclaration(
    name=VALUES,
    indexes=(
        # quality.violations: the shared values of a rule, in the order of the values.
        IndexModel(
            [("_id.rule", ASCENDING), ("_id.value", ASCENDING)],
            name="shared",
            partialFilterExpression={"users": {"$gt": 1}},
        ),
    ),
)

QUALITY_REPORTS: Final = CollectionDeclaration(
    name=REPORTS,
    indexes=(
        # quality.trend: the hours or days of a range; the oldest and the latest hour.
        IndexModel([("bucket", ASCENDING), ("at", ASCENDING)], name="bucket_at"),
    ),
)

QUALITY_CHECKS: Final = CollectionDeclaration(
    name=CHECKS,
    indexes=(
        # quality.checks: the latest result. The server deletes old ones by it too.
        IndexModel(
            [("finished_at", DESCENDING)],
            name="finished_at_expiry",
            expireAfterSeconds=int(KEPT_FOR.total_seconds()),
        ),
    ),
)

# A few documents, read together; `_id` is the rule.
QUALITY_WAIVERS: Final = CollectionDeclaration(name=WAIVERS)
