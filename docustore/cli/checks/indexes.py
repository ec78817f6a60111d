"""Check of collections, validators and indexes."""

from docustore.cli.checks.finding import Finding, failed, ok, warning
from docustore.cli.failures import DONE, DRIFT
from docustore.cli.programs import output_of
from docustore.config import Settings
from docustore.embedded.service import indexes_command


async def indexes_finding(settings: Settings, *, are_servers_embedded: bool) -> Finding:
    """Compare the database with the declarations, as the deploy step does.

    Args:
        are_servers_embedded: Then `docustore up` applies them, and a difference is no failure.
    """
    exit_code, _ = await output_of(indexes_command("plan", "--json"), settings)
    if exit_code == DONE:
        return ok("indexes", "in sync")
    if exit_code == DRIFT and are_servers_embedded:
        return warning("indexes", "not applied yet", next_step="nothing: `docustore up` applies them")
    seen = "they differ from the declarations" if exit_code == DRIFT else "they could not be compared"
    return failed("indexes", seen, next_step="run `docustore indexes plan`, then `docustore indexes apply`")
