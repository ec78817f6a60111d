"""Check of collections, validators and indexes."""

from typing import Final

from docustore.cli.checks.finding import Finding, failed, ok, warning
from docustore.config import Settings
from docustore.errors import DocustoreError
from indexes.actions import ActionKind
from indexes.deploy_step import planned
from indexes.plan import Plan

SHOWN: Final = 3


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
    seen = describe(plan)
    if are_servers_embedded:
        return warning("indexes", seen, next_step="none: `docustore up` applies them")
    if not plan.actions:
        return warning("indexes", seen, next_step="run `docustore indexes apply --prune` if no one needs them")
    return failed("indexes", seen, next_step="run `docustore indexes plan`, then `docustore indexes apply`")


def describe(plan: Plan) -> str:
    """Name the first differences. Pure."""
    if any(
        action.kind is ActionKind.CREATE_COLLECTION and action.collection == "users" for action in plan.actions
    ):
        return "not applied yet"
    changes = [
        f"{action.collection}{f'.{action.index}' if action.index else ''}: {action.kind.replace('_', ' ')}"
        for action in plan.actions
    ]
    extra = [f"{index.collection}.{index.index}: undeclared" for index in plan.extra]
    differences = [*changes, *extra]
    more = len(differences) - SHOWN
    return "; ".join(differences[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
