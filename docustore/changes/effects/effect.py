"""The interface of an effect: what the listener writes for each change of a user.

A new effect is one module beside this one and one line in `docustore.changes.effects.registry`. In a store that
has a position already, a new effect or version is built first: see `docustore.changes.effects.building`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from bson import ObjectId
from bson.timestamp import Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.fields import ImageFields, union
from docustore.changes.events import Change
from docustore.database import Database

Write = Callable[[AsyncClientSession], Awaitable[None]]
# Runs writes in a transaction that is conditional on the fence and the sequence number of the position.
Guarded = Callable[[Write], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far one partition is.

    Its effects are the state of its users at `cluster_time` if `is_exact`.
    """

    cluster_time: Timestamp
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The state of `users` that the effects describe once the transaction commits.

    `seq` is the number of the last change. `as_of` is the wall time of the newest change, or of `cluster_time`
    where the transaction applies none. `cluster_time` and `is_exact` are those of the position. With partitions
    all three are the least of all, exact if all are right at one time; `partitions` holds each of them, in their
    order. `destinations` names the destinations of the outbox; None if they have no name yet.
    """

    seq: int
    as_of: datetime
    cluster_time: Timestamp
    is_exact: bool
    partitions: tuple[Reach, ...] = ()
    destinations: ObjectId | None = None


FinalWrite = Callable[[Database, Stamp, AsyncClientSession], Awaitable[None]]


async def write_nothing(_database: Database, _stamp: Stamp, _session: AsyncClientSession) -> None:
    """Do nothing: the final write of an effect that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The end of a snapshot: derive the effect from `users` as of `cluster_time`."""

    database: Database
    cluster_time: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The result of a rebuild.

    `write` belongs to the final transaction, after the position has moved.
    """

    write: FinalWrite = write_nothing


class Effect(ABC):
    """One effect; an instance holds what one batch of changes does.

    `fields` declares what the effect reads from `Change.before` and `Change.after`. `Change.after_raw` always
    holds the whole image as bytes. A snapshot reads the users in chunks and follows the stream in between. An
    effect with `is_built_by_chunks` gets the changes of both. Any other effect gets nothing until the end of the
    snapshot and is then rebuilt. The changes of a batch get their numbers when it is written: they are dense, and
    the last one is `Stamp.seq`.

    `name` is its document in `change_effects`, by default the name of the class. `version` grows with every change
    of what the effect stores. An effect without `needs_build` holds nothing of the past: it is live at once.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    needs_build: ClassVar[bool] = True
    fields: ClassVar[ImageFields]
    is_built_by_chunks: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Name an effect that has no name of its own."""
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    @abstractmethod
    def add(self, change: Change) -> None:
        """Take the next change, in the order of the stream.

        Pure. Called once for every change.
        """

    @abstractmethod
    async def write(self, database: Database, stamp: Stamp, session: AsyncClientSession) -> None:
        """Write the batch in the transaction that has moved the position.

        Called also for a batch without changes, when an idle position moves. The driver may repeat the
        transaction: a second call must write the same.
        """

    @classmethod
    @abstractmethod
    async def rebuild(cls, rebuild: Rebuild) -> Rebuilt:
        """Derive the effect from `users` as of one cluster time.

        Called at the end of every snapshot. Writes only in the final transaction.

        Raises:
            OperationFailure: Code 239, the server no longer keeps that state.
        """

    @classmethod
    @abstractmethod
    async def reconcile(cls, database: Database, *, timeout_s: float) -> list[str]:
        """Compare the effect with `users`; list the differences as sentences.

        Changes nothing.

        Args:
            timeout_s: The longest wait for a state that belongs to one cluster time.
        """

    @classmethod  # noqa: B027  # optional
    async def discard_unfinished(cls, database: Database, seq: int, guarded: Guarded) -> None:
        """Remove what an interrupted snapshot of an older release wrote beyond `seq`."""


Effects = tuple[type[Effect], ...]


def fields_of(effects: Iterable[type[Effect]]) -> ImageFields:
    """Combine the declared fields: what the stream must deliver."""
    return union(effect.fields for effect in effects)


def chunked(effects: Effects) -> Effects:
    """Select the effects that the chunks of a snapshot build."""
    return tuple(effect for effect in effects if effect.is_built_by_chunks)
