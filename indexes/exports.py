"""The records of exports."""

from typing import Final

from pymongo import ASCENDING, IndexModel

from docustore.exports.models import EXPORTS as EXPORTS_NAME
from docustore.exports.models import KEPT
from indexes.declaration import CollectionDeclaration

EXPORTS: Final = CollectionDeclaration(
    name=EXPORTS_NAME,
    indexes=(
        # The server's own query, once a minute: deletes old records.
        IndexModel([("at", ASCENDING)], name="at_expiry", expireAfterSeconds=int(KEPT.total_seconds())),
    ),
)
