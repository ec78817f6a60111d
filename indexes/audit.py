"""The collection of the audit log."""

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from docustore.audit.log import AUDIT_LOG as AUDIT_LOG_NAME
from indexes.declaration import CollectionDeclaration

_LATEST_FIRST: Final = (("at", DESCENDING), ("_id", DESCENDING))

AUDIT_LOG: Final = CollectionDeclaration(
    name=AUDIT_LOG_NAME,
    indexes=(
        # Readers page through the entries, latest first.
        IndexModel(list(_LATEST_FIRST), name="at"),
        # audit.entries: the entries of one actor, of one action, on one target, latest first.
        IndexModel([("actor", ASCENDING), *_LATEST_FIRST], name="actor_at"),
        IndexModel([("action", ASCENDING), *_LATEST_FIRST], name="action_at"),
        IndexModel([("target", ASCENDING), *_LATEST_FIRST], name="target_at"),
    ),
)
