"""Why a past state is not proven. Pure."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from docustore.history.horizon import Horizon, Unrecorded
from docustore.history.models import Operation
from docustore.users.past import Doubt
from docustore.users.stored import id_key

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


def doubts_of_unrecorded(
    unrecorded: Iterable[Unrecorded], shown: Mapping[Hashable, datetime], *, is_list: bool = False
) -> Iterator[Doubt]:
    """Yield why states lack changes that have no row.

    Args:
        unrecorded: The changes up to the moment of the states.
        shown: The times of the rows that the states come from, by `id_key` of the user.
        is_list: A user that is not shown may belong to the list after an open change.
    """
    for change in unrecorded:
        begins = shown.get(id_key(change.user_id))
        if begins is not None and change.at >= begins:
            yield Doubt.PENDING if change.is_open else Doubt.GAP
        elif begins is None and is_list and change.is_open:
            yield Doubt.PENDING
