"""Every collection and view that docustore owns."""

from typing import Final

from docustore.config import Settings
from indexes.analytics import ANALYTICS_SERIES, ANALYTICS_VALUES, USER_ANALYTICS
from indexes.audit import AUDIT_LOG
from indexes.changes import (
    CHANGE_DEAD_LETTERS,
    CHANGE_EFFECTS,
    CHANGE_GAPS,
    CHANGE_LISTENERS,
    CHANGE_POSITIONS,
    HISTORY_COMPACTIONS,
    USER_HISTORY,
    USER_STATS,
)
from indexes.declaration import CollectionDeclaration, Declaration
from indexes.etl import (
    ALERT_MESSAGES,
    ETL_DIFFS,
    ETL_INCIDENTS,
    ETL_MEMORIES,
    ETL_QUARANTINE,
    ETL_RUNS,
    ETL_SNAPSHOTS,
    ETL_SOURCES,
    ETL_TOMBSTONES,
    LATE_VERSIONS,
)
from indexes.exports import EXPORTS
from indexes.migrations import SCHEMA_MIGRATIONS
from indexes.outbox import OUTBOX, OUTBOX_DESTINATIONS, WEBHOOKS
from indexes.quality import (
    QUALITY_CHECKS,
    QUALITY_COUNTS,
    QUALITY_REPORTS,
    QUALITY_VALUES,
    QUALITY_WAIVERS,
    USER_QUALITY,
)
from indexes.queries import REPORT_DELIVERIES, REPORTS, SAVED_QUERIES
from indexes.security import API_KEYS, LOGIN_TOKENS, SESSIONS
from indexes.users import IDEMPOTENCY_KEYS, SEARCH_ATOMS, USER_SEARCH, USERS
from indexes.warehouse import DEFAULT_TRACKED, warehouse_views

COLLECTIONS: Final[tuple[CollectionDeclaration, ...]] = (
    USERS,
    USER_SEARCH,
    SEARCH_ATOMS,
    USER_HISTORY,
    HISTORY_COMPACTIONS,
    USER_STATS,
    USER_QUALITY,
    QUALITY_COUNTS,
    QUALITY_VALUES,
    QUALITY_REPORTS,
    QUALITY_CHECKS,
    QUALITY_WAIVERS,
    USER_ANALYTICS,
    ANALYTICS_VALUES,
    ANALYTICS_SERIES,
    CHANGE_POSITIONS,
    CHANGE_LISTENERS,
    CHANGE_EFFECTS,
    CHANGE_GAPS,
    CHANGE_DEAD_LETTERS,
    OUTBOX,
    OUTBOX_DESTINATIONS,
    WEBHOOKS,
    ETL_RUNS,
    ETL_SOURCES,
    ETL_QUARANTINE,
    ETL_TOMBSTONES,
    LATE_VERSIONS,
    ETL_MEMORIES,
    ETL_INCIDENTS,
    ALERT_MESSAGES,
    ETL_SNAPSHOTS,
    ETL_DIFFS,
    API_KEYS,
    SESSIONS,
    LOGIN_TOKENS,
    AUDIT_LOG,
    IDEMPOTENCY_KEYS,
    SCHEMA_MIGRATIONS,
    EXPORTS,
    SAVED_QUERIES,
    REPORTS,
    REPORT_DELIVERIES,
)

# With the default settings.
DECLARED: Final[tuple[Declaration, ...]] = (*COLLECTIONS, *warehouse_views(DEFAULT_TRACKED))


def declared_for(settings: Settings) -> tuple[Declaration, ...]:
    """List all declarations; some views depend on settings.

    Raises:
        ConfigurationError: A tracked field does not exist.
    """
    return (*COLLECTIONS, *warehouse_views(settings.warehouse_tracked))
