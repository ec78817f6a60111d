"""The deploy step of a command that starts the service: indexes, then migrations."""

from docustore.cli.migrate import migrated
from docustore.config import Settings
from indexes.deploy_step import applied


async def deployed(settings: Settings) -> None:
    """Make the configured database as declared, and migrate its users.

    Raises the errors of `applied` and `migrate_up`.
    """
    await applied(settings)
    await migrated(settings)
