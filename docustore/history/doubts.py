"""Why a past state is not proven. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from docustore.history.horizon import Horizon
from docustore.history.models import Operation
from docustore.users.past import Doubt

# The first row of a user that existed before history knew it.
FOUND_LATER: Final = frozenset({Operation.SNAPSHOT.value, Operation.RECOVERED.value})


def doubts_of(horizon: Horizon, moment: datetime) -> Iterator[Doubt]:
    """Yield why no state of that time is proven."""
    if not horizon.is_complete_at(moment):
        yield Doubt.PENDING
    if any(gap.holds(moment) for gap in horizon.gaps):
        yield Doubt.GAP


def doubts_of_row(row: Mapping[str, Any]) -> Iterator[Doubt]:
    """Yield why the state after one row is not proven."""
    if row.get("approximate") or row.get("omitted"):
        yield Doubt.APPROXIMATE
