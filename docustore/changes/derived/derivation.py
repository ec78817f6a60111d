"""The interface of a derived effect: a collection with one document per user.

A derived effect follows `user_history` behind the listener, with a checkpoint of its own. It costs the listener's
transactions nothing, and it may lag. History only says *which* users have changed: the document is always made
from the present user. So a document may be ahead of the checkpoint, never behind it, and every order of chunks
and changes ends with the same documents.

A new derived effect is one class and one line in `docustore.changes.effects.registry`. It is built for a store
that has users already; a change of `version` or `configuration` builds it again.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import ObjectId
from bson.timestamp import Timestamp
from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.config import Settings
from docustore.database import Database, Document
from docustore.history.rows import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One user whose document differs: `before` is stored, `after` takes its place.

    None where there is no document. Neither holds the `_id`.
    """

    user_id: Any
    before: Document | None
    after: Document | None


# Writes a correction in the transaction that ends a build.
Correction = Callable[[AsyncClientSession], Awaitable[None]]


class DerivedEffect(ABC):
    """One derived effect; an instance lives as long as one listener keeps the effect.

    `name` is its document in `change_effects`. `version` grows with every change of what `state_of` returns.
    `collection` holds the documents. `fields` are the top-level fields of a user that `state_of` reads.
    `configuration` names the settings that decide what `state_of` returns; empty without any.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    collection: ClassVar[str]
    fields: tuple[str, ...]
    configuration: str = ""

    def __init__(self, settings: Settings) -> None:
        """Prepare to keep or compare the effect under some settings."""
        self.settings = settings

    @abstractmethod
    def state_of(self, user: Image) -> Document | None:
        """Make the document of a user, without `_id`; None if the user has none.

        Pure. Must accept any value in any field: other clients write users too. Times are naive, in UTC.
        """

    async def differences(self, database: Database, at: Timestamp) -> list[str]:  # noqa: ARG002  # for subclasses
        """Compare what `write` keeps beside the documents, as of a cluster time.

        Returns sentences.
        """
        return []

    async def correction(self, database: Database) -> Correction | None:  # noqa: ARG002  # for subclasses
        """Count again what `write` keeps beside the documents.

        Returns the write that corrects it; None if it is right. Called when a build that a person has started
        ends. Nothing else is written until the correction is.
        """
        return None

    async def write(
        self, database: Database, replacements: Sequence[Replacement], session: AsyncClientSession
    ) -> None:
        """Write the documents that differ, in the transaction that moves the checkpoint.

        No other process writes the collection at the same time. So a counter can be moved by the difference of
        `before` and `after` here, exactly. The driver may repeat the transaction.
        """
        if replacements:
            operations = [_operation(each) for each in replacements]
            await database[self.collection].bulk_write(operations, ordered=False, session=session)


Derivations = tuple[type[DerivedEffect], ...]


def _operation(each: Replacement) -> InsertOne[Document] | ReplaceOne[Document] | DeleteOne:
    if each.before is None and each.after is not None and isinstance(each.user_id, ObjectId):
        # Half the cost of an upsert. Ids of other types may be equal for the server and different here.
        return InsertOne({"_id": each.user_id, **each.after})
    # `$eq`: an id may be a document.
    query = {"_id": {"$eq": each.user_id}}
    if each.after is None:
        return DeleteOne(query)
    return ReplaceOne(query, {"_id": each.user_id, **each.after}, upsert=True)
