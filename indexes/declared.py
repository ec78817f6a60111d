"""Every collection that docustore owns."""

from typing import Final

from indexes.audit import AUDIT_LOG
from indexes.changes import (
    CHANGE_DEAD_LETTERS,
    CHANGE_GAPS,
    CHANGE_LISTENERS,
    CHANGE_POSITIONS,
    USER_HISTORY,
    USER_STATS,
)
from indexes.declaration import CollectionDeclaration
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
)
from indexes.migrations import SCHEMA_MIGRATIONS
from indexes.security import API_KEYS, LOGIN_TOKENS, SESSIONS
from indexes.users import IDEMPOTENCY_KEYS, USERS

DECLARED: Final[tuple[CollectionDeclaration, ...]] = (
    USERS,
    USER_HISTORY,
    USER_STATS,
    CHANGE_POSITIONS,
    CHANGE_LISTENERS,
    CHANGE_GAPS,
    CHANGE_DEAD_LETTERS,
    ETL_RUNS,
    ETL_SOURCES,
    ETL_QUARANTINE,
    ETL_TOMBSTONES,
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
)
