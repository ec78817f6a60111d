"""The interface of a sender: how the events of one destination leave docustore."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from docustore.database import Document
from docustore.outbox.event import ChangeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one attempt; `error` is None if the destination took the events.

    With `is_down` the destination takes no event now; otherwise it refused this one. `is_gone` says that it
    wants no event ever again. `error` is short and contains no secret.
    """

    error: str | None = None
    status: int | None = None
    retry_after: timedelta | None = None
    is_down: bool = False
    is_gone: bool = False


DELIVERED = Outcome()


class Sender(Protocol):
    """Delivers events of one destination."""

    @property
    def max_events(self) -> int:
        """Return how many events of one lane go together."""

    async def send(self, events: Sequence[ChangeEvent]) -> Outcome:
        """Deliver events in their order, all or none.

        Never raises for what a destination does.
        """


class UnknownDestinationError(Exception):
    """This process cannot deliver to the destination: it lacks the handler."""


# Opens the sender of a destination from its document, for as long as one worker delivers to it.
OpenSender = Callable[[Document], AbstractAsyncContextManager[Sender]]
