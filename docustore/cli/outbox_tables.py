"""Destinations and their deliveries as tables, for people. Pure."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from docustore.cli.tables import list_table
from docustore.outbox.figures import DestinationFigures
from docustore.outbox.listing import DeliveryView


def destination_table(found: Sequence[DestinationFigures]) -> Table:
    """Lay out the state of destinations."""
    table = list_table("destination", "state", "pending", "oldest", "delivered", "failed", "last error")
    for each in found:
        state = "enabled" if each.is_enabled else f"disabled ({(each.disabled or {}).get('reason', '')})"
        oldest = "" if each.oldest_s is None else f"{each.oldest_s:.0f} s"
        counts = (str(each.delivered), str(each.failed))
        table.add_row(each.name, state, str(each.pending), oldest, *counts, each.last_error or "")
    return table


def delivery_table(found: Sequence[DeliveryView]) -> Table:
    """Lay out deliveries."""
    table = list_table("number", "operation", "user", "state", "attempts", "last answer")
    for each in found:
        last = "" if each.last is None else each.last.error or f"status {each.last.status}"
        table.add_row(
            str(each.number), each.operation.value, each.user_id, each.state.value, str(each.attempts), last
        )
    return table


def replay_sentence(first: int, last: int) -> Text:
    """Tell which changes after `first` a worker delivers once more."""
    if last <= first:
        return Text("No change is in this range: nothing is delivered.")
    return Text(f"A worker delivers the changes {first + 1} to {last} once more.")
