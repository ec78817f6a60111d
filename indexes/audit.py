"""The collection of the audit log."""

from typing import Final

from pymongo import DESCENDING, IndexModel

from docustore.audit.log import AUDIT_LOG as AUDIT_LOG_NAME
from indexes.declaration import CollectionDeclaration

AUDIT_LOG: Final = CollectionDeclaration(
    name=AUDIT_LOG_NAME,
    indexes=(
        # Readers page through the entries, latest first.
        IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="at"),
    ),
)
