"""Check of collections, validators and indexes."""

from docustore.cli.checks.finding import Finding, failed, ok, warning
from docustore.config import Settings
from docustore.errors import DocustoreError
from indexes.deploy_step import planned


async def indexes_finding(settings: Settings, *, are_servers_embedded: bool) -> Finding:
    """Compare the database with the declarations, as the deploy step does.

    Args:
        are_servers_embedded: If so, `docustore up` applies the indexes, and a difference is only a warning.
    """
    try:
        plan = await planned(settings)
    except DocustoreError as exc:
        return failed("indexes", f"not compared: {exc}", next_step="run `docustore indexes plan --debug`")
    if plan.is_in_sync:
        return ok("indexes", "in sync")
    if are_servers_embedded:
        return warning("indexes", "not applied yet", next_step="none: `docustore up` applies them")
    return failed(
        "indexes",
        "they differ from the declarations",
        next_step="run `docustore indexes plan`, then `docustore indexes apply`",
    )
