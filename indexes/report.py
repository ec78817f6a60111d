"""A plan as a table, for people."""

from rich.console import Group, RenderableType
from rich.table import Table

from indexes.plan import Plan


def difference_table(plan: Plan) -> RenderableType:
    """Lay out what an apply would do."""
    return "In sync: nothing to do." if plan.is_in_sync else _table(plan)


def applied_table(plan: Plan) -> RenderableType:
    """Lay out what an apply has done."""
    if not plan.actions:
        return Group("In sync: nothing to do.", *([_table(plan)] if plan.extra else []))
    return Group(_table(plan), f"Applied {len(plan.actions)} changes.")


def _table(plan: Plan) -> RenderableType:
    table = Table("change", "collection", "index", "reason")
    for action in plan.actions:
        table.add_row(action.kind.replace("_", " "), action.collection, action.index or "", action.reason)
    for extra in plan.extra:
        table.add_row("none", extra.collection, extra.index, "undeclared")
    if not plan.extra:
        return table
    names = ", ".join(f"{extra.collection}.{extra.index}" for extra in plan.extra)
    return Group(
        table, f"Undeclared: {names}. `indexes apply --prune` hides them; a second one, later, drops them."
    )
