"""The newest events, in memory, for all readers. Pure.

A reader is only a number: the id of the last event that it has. Events of the same place and filter are one batch,
which is encoded once for all readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from docustore.feed.events import FeedEvent
from docustore.feed.filters import FeedFilter

# What one write to a reader holds. A server keeps a few of them per reader.
MAX_BATCH_BYTES: Final = 64 * 1024
# Trimming moves all events, so it happens after this part of the ring was added.
_SLACK: Final = 4


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some wanted events; `up_to` is the id of the last event that was looked at."""

    up_to: int
    events: Sequence[FeedEvent]

    @cached_property
    def server_sent(self) -> bytes:
        """The events as `text/event-stream`."""
        return b"".join(b"id: %d\nevent: change\ndata: %b\n\n" % (event.id, event.data) for event in self.events)

    @cached_property
    def lines(self) -> bytes:
        """The events as NDJSON."""
        return b"".join(event.data + b"\n" for event in self.events)


class Ring:
    """Every event after `start` up to `end`, bounded by number and size."""

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self.start = 0
        self.end = 0
        self.size_bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: list[FeedEvent] = []
        self._batches: dict[tuple[int, FeedFilter], Batch] = {}

    def restart(self, at: int) -> None:
        """Forget all events and continue after an id."""
        self.start = self.end = at
        self.size_bytes = 0
        self._events.clear()
        self._batches.clear()

    def append(self, events: Sequence[FeedEvent]) -> None:
        """Add the next events.

        Raises:
            ValueError: They do not follow the last one.
        """
        if [event.id for event in events] != list(range(self.end + 1, self.end + 1 + len(events))):
            msg = f"the events after {self.end} are not dense"
            raise ValueError(msg)
        self._events.extend(events)
        self._batches.clear()
        self.end += len(events)
        self.size_bytes += sum(len(event.data) for event in events)
        self._trim()

    def batch(self, after: int, wanted: FeedFilter) -> Batch:
        """Return the next wanted events after an id that the ring holds."""
        key = (after, wanted)
        found = self._batches.get(key)
        if found is None:
            found = self._batches[key] = cut(self._events[after - self.start :], wanted, up_to=self.end)
        return found

    def start_with(self, more: Sequence[FeedEvent]) -> int:
        """Return the least `start` that appending these events can lead to."""
        dropped = max(len(self._events) + len(more) - self._max_events, 0)
        size_bytes = self.size_bytes + sum(len(event.data) for event in more)
        return self.start + self._count_beyond(size_bytes, dropped)

    def _trim(self) -> None:
        excess = len(self._events) - self._max_events
        if excess <= self._max_events // _SLACK and self.size_bytes <= self._max_bytes:
            return
        dropped = self._count_beyond(self.size_bytes, max(excess, 0))
        self.size_bytes -= sum(len(event.data) for event in self._events[:dropped])
        del self._events[:dropped]
        self.start += dropped

    def _count_beyond(self, size_bytes: int, least: int) -> int:
        """Count the oldest events that must go.

        At least so many, and until the rest is small enough.
        """
        size_bytes -= sum(len(event.data) for event in self._events[:least])
        count = least
        while size_bytes > self._max_bytes and count < len(self._events) - 1:
            size_bytes -= len(self._events[count].data)
            count += 1
        return count


def cut(
    events: Sequence[FeedEvent],
    wanted: FeedFilter,
    *,
    up_to: int,
    max_events: int | None = None,
    max_bytes: int = MAX_BATCH_BYTES,
) -> Batch:
    """Take the first wanted events, at least one, within the limits.

    Args:
        up_to: The id that was looked at when the events are at their end.
    """
    chosen = wanted.chosen(events)
    size_bytes = 0
    for index, event in enumerate(chosen):
        size_bytes += len(event.data)
        if index and (size_bytes > max_bytes or index == max_events):
            return Batch(up_to=chosen[index - 1].id, events=chosen[:index])
    return Batch(up_to=up_to, events=chosen)
