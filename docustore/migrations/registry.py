"""All migrations, in their order."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Final

from docustore.migrations import m0001_first_shape as m0001
from docustore.migrations import m0002_digests_name_their_version as m0002
from docustore.migrations import m0003_emails_are_normalised as m0003
from docustore.migrations import m0004_avatars_are_web_addresses as m0004
from docustore.migrations import m0005_digests_are_ordered as m0005
from docustore.migrations.migration import Migration

# A new migration is one module and one line here. `SCHEMA_VERSION` of `docustore.users.stored` is the last number.
MIGRATIONS: Final[tuple[Migration, ...]] = (
    m0001.MIGRATION,
    m0002.MIGRATION,
    m0003.MIGRATION,
    m0004.MIGRATION,
    m0005.MIGRATION,
)

Checksums = dict[int, str]


def checksums(migrations: Sequence[Migration] = MIGRATIONS) -> Checksums:
    """Compute the digest of the source of each migration's module, by number."""
    package = files("docustore.migrations")
    return {
        migration.number: sha256((package / f"m{migration.label}_{migration.name}.py").read_bytes()).hexdigest()
        for migration in migrations
    }
