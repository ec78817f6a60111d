"""Check of the migrations."""

from docustore.cli.checks.finding import Finding, failed, ok, warning
from docustore.cli.migrate_tables import status_document
from docustore.config import Settings
from docustore.database import connect
from docustore.errors import DocustoreError
from docustore.migrations.ledger import read_records
from docustore.migrations.migrate import own_catalog
from docustore.migrations.plan import check


async def migrations_finding(settings: Settings, *, are_servers_embedded: bool) -> Finding:
    """Compare the migrations of the store with those of this version.

    Args:
        are_servers_embedded: If so, `docustore up` migrates, and pending migrations are only a warning.
    """
    catalog = own_catalog()
    async with connect(settings, app_name="docustore-doctor") as database:
        records = await read_records(database)
    try:
        check(catalog, records)
    except DocustoreError as exc:
        seen, _, next_step = str(exc).partition(": ")
        return failed("migrations", seen, next_step=next_step)
    found = status_document(catalog, records)
    seen = f"the store has {found['store']}, this version knows {found['known']}"
    if found["up_to_date"]:
        return ok("migrations", seen)
    if found["store"] == found["known"] and found["conflicts"]:
        return warning(
            "migrations", f"{found['conflicts']} users need a person", next_step="run `docustore migrate status`"
        )
    if are_servers_embedded:
        return warning("migrations", f"{seen}; some are pending", next_step="none: `docustore up` applies them")
    return failed("migrations", f"{seen}; some are pending", next_step="run `docustore migrate up`")
