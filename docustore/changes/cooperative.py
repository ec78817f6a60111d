"""Long computations in short turns, so that the replies of servers are not kept waiting by them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

# About 1 ms of work. A transaction is four round trips of 1 ms, each of which would have to wait for 20 ms where a
# batch of 1,000 is parsed in one go.
EVENTS_A_TURN: Final = 50

T = TypeVar("T")


async def in_slices(events: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Yield the events in order, a few at a time; whatever else is ready runs in between."""
    for start in range(0, len(events), EVENTS_A_TURN):
        if start:
            await asyncio.sleep(0)
        yield events[start : start + EVENTS_A_TURN]
