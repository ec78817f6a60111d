"""Refuse to start on a store that is newer than this version."""

from docustore.database import Database
from docustore.migrations.ledger import read_records
from docustore.migrations.plan import require_known
from docustore.migrations.registry import MIGRATIONS


async def require_known_store(database: Database) -> None:
    """Check that this version knows every migration of the store.

    Pending migrations are no reason to refuse: this version reads the older shapes until a migration of the phase
    `contract`.

    Raises:
        StoreTooNewError: A newer version has migrated the store.
    """
    require_known(await read_records(database), newest=max(migration.number for migration in MIGRATIONS))
