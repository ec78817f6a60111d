"""Check of collections, validators and indexes."""

from docustore.cli.checks.finding import Finding, failed, ok
from docustore.cli.failures import DRIFT
from docustore.cli.programs import output_of
from docustore.config import Settings
from docustore.embedded.service import indexes_command


async def indexes_finding(settings: Settings) -> Finding:
    """Compare the database with the declarations, as the deploy step does."""
    exit_code, _ = await output_of(indexes_command("plan", "--json"), settings)
    if exit_code == 0:
        return ok("indexes", "in sync")
    seen = "they differ from the declarations" if exit_code == DRIFT else "they could not be compared"
    return failed("indexes", seen, next_step="run `docustore indexes plan`, then `docustore indexes apply`")
