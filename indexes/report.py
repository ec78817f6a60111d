"""A plan as a table, for people."""

from rich.console import Console
from rich.table import Table

from indexes.plan import Plan


def show_difference(plan: Plan, console: Console) -> None:
    """Print what an apply would do."""
    if plan.is_in_sync:
        console.print("In sync: nothing to do.")
        return
    console.print(_table(plan))
    _show_extra(plan, console)


def show_applied(plan: Plan, console: Console) -> None:
    """Print what an apply has done."""
    if plan.actions:
        console.print(_table(plan))
        console.print(f"Applied {len(plan.actions)} changes.")
    else:
        console.print("In sync: nothing was to be done.")
    _show_extra(plan, console)


def _table(plan: Plan) -> Table:
    table = Table("change", "collection", "index", "reason")
    for action in plan.actions:
        table.add_row(action.kind.replace("_", " "), action.collection, action.index or "", action.reason)
    for extra in plan.extra:
        table.add_row("none", extra.collection, extra.index, "undeclared")
    return table


def _show_extra(plan: Plan, console: Console) -> None:
    if plan.extra:
        names = ", ".join(f"{extra.collection}.{extra.index}" for extra in plan.extra)
        console.print(f"Undeclared: {names}. `apply --prune` hides them; a second one, later, drops them.")
