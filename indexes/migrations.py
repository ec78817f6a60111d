"""The records of migrations, and the lease of their runner."""

from typing import Final

from docustore.migrations.ledger import SCHEMA_MIGRATIONS as SCHEMA_MIGRATIONS_NAME
from indexes.declaration import CollectionDeclaration

# Read and written by `_id`, the number of the migration.
SCHEMA_MIGRATIONS: Final = CollectionDeclaration(name=SCHEMA_MIGRATIONS_NAME)
