"""Handlers: functions of users of the package that are called for each change.

A package names a module in the entry point group `docustore.handlers`; the module registers its functions:

    @on_change("users", "insert", "update", fields=["email"])
    async def welcome(event: ChangeEvent) -> None: ...

The worker calls them at least once for each event, in order for each user. What raises is retried with backoff
for three days.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final

import structlog

from docustore.changes.subscriptions import EventKind
from docustore.database import Database, Document
from docustore.errors import ConfigurationError
from docustore.outbox.destinations import DestinationKind, ensure_destination, fresh_destination
from docustore.outbox.event import ChangeEvent
from docustore.outbox.filters import refuse_unknown_fields
from docustore.outbox.sending import DELIVERED, Outcome, UnknownDestinationError

log: Final = structlog.get_logger()
ENTRY_POINTS: Final = "docustore.handlers"
COLLECTION: Final = "users"
# Longer than any call should take: the later events of the user wait for it.
TIMEOUT_S: Final = 60.0
_PREFIX: Final = f"{DestinationKind.HANDLER.value}:"

Function = Callable[[ChangeEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One registered function and its filter."""

    name: str
    function: Function
    kinds: tuple[EventKind, ...]
    fields: tuple[str, ...]

    @property
    def destination(self) -> str:
        """Return the name of its destination."""
        return f"{_PREFIX}{self.name}"


# What the modules of this process have registered, by destination.
REGISTERED: Final[dict[str, Handler]] = {}


def on_change(
    collection: str, *operations: str, fields: Iterable[str] = (), name: str | None = None
) -> Callable[[Function], Function]:
    """Register an async function for changes.

    Args:
        collection: `users`.
        operations: `insert`, `update`, `delete`, `restore`; all of them if none is named.
        fields: Paths such as `email` or `profile.location`: an update must have changed one of them.
        name: Names the destination, for good: a new name is a new handler, which starts at now. The default is
            module and name of the function.

    Raises:
        ConfigurationError: The collection, an operation or a field does not exist, or the name is taken.
    """
    if collection != COLLECTION:
        raise ConfigurationError(setting="on_change", problem=f"no collection {collection!r}; use 'users'")
    known = {kind.value: kind for kind in EventKind}
    if unknown := sorted(set(operations) - known.keys()):
        raise ConfigurationError(
            setting="on_change", problem=f"no operation {unknown[0]!r}; use {', '.join(known)}"
        )
    paths = tuple(fields)
    refuse_unknown_fields(paths)

    def register(function: Function) -> Function:
        chosen = name or f"{function.__module__}.{function.__qualname__}"
        handler = Handler(
            name=chosen, function=function, kinds=tuple(known[each] for each in operations), fields=paths
        )
        if ":" in chosen or REGISTERED.get(handler.destination, handler).function is not function:
            raise ConfigurationError(setting="on_change", problem=f"the name {chosen!r} is taken or has a colon")
        REGISTERED[handler.destination] = handler
        return function

    return register


def load_handlers() -> Mapping[str, Handler]:
    """Import the modules of all entry points; return the handlers by destination.

    A module that cannot be imported is logged, and its events wait. It stops no other handler.
    """
    for entry_point in entry_points(group=ENTRY_POINTS):
        try:
            entry_point.load()
        except Exception:  # the code of another package: it may raise anything
            log.exception("outbox.handler_not_loaded", entry_point=entry_point.name)
    return REGISTERED


async def ensure_handlers(database: Database, handlers: Iterable[Handler]) -> None:
    """Make a destination of each handler; a new one starts at now."""
    for handler in handlers:
        filter_ = {"operations": [kind.value for kind in handler.kinds], "fields": list(handler.fields)}
        fresh = fresh_destination(handler.destination, DestinationKind.HANDLER, filter_=filter_)
        if await ensure_destination(database, fresh):
            log.info("outbox.handler_added", destination=handler.destination)


class HandlerSender:
    """Calls one handler."""

    max_events: Final = 1

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def send(self, events: Sequence[ChangeEvent]) -> Outcome:
        """Call the function with each event."""
        for event in events:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._handler.function(event)
            except Exception as exc:
                log.warning("outbox.handler_failed", destination=self._handler.destination, exc_info=exc)
                return Outcome(error=type(exc).__name__)
        return DELIVERED


@asynccontextmanager
async def open_handler(destination: Document) -> AsyncIterator[HandlerSender]:
    """Open the sender of a handler.

    Raises:
        UnknownDestinationError: This process has not registered it.
    """
    handler = REGISTERED.get(destination["_id"])
    if handler is None:
        raise UnknownDestinationError("no such handler in this process: install its package")
    yield HandlerSender(handler)
