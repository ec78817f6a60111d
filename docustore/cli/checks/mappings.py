"""Check of the sources' mappings: hooks can be imported, full reads are done."""

from pymongo.errors import PyMongoError

from docustore.cli.checks.finding import Finding, failed, not_read, ok, warning
from docustore.config import Settings
from docustore.database import connect
from docustore.errors import ConfigurationError
from docustore.etl.mapping_state import changed_mapping

CHECK = "mappings"


async def mapping_findings(settings: Settings) -> list[Finding]:
    """Tell which sources need a full read since their mappings changed."""
    found = []
    try:
        async with connect(settings, app_name="docustore-doctor") as database:
            for name, source in settings.sources.items():
                try:
                    advice = await changed_mapping(database, name, source)
                except ConfigurationError as exc:
                    found.append(failed(CHECK, str(exc), next_step="correct the named setting"))
                    continue
                if advice is not None:
                    seen, _, next_step = advice.partition(": ")
                    found.append(warning(CHECK, f"{name}: {seen}", next_step=next_step))
    except PyMongoError as exc:
        return [not_read(CHECK, exc)]
    return found or [ok(CHECK, "all as in the last full reads")]
