"""Collections of saved queries and their scheduled reports."""

from typing import Final

from docustore.analytics.query.saved.store import SAVED_QUERIES as SAVED_QUERIES_NAME
from indexes.declaration import CollectionDeclaration

# Read by name; at most a thousand.
SAVED_QUERIES: Final = CollectionDeclaration(name=SAVED_QUERIES_NAME)
