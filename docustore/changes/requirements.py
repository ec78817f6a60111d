"""What the listener needs from the server and from `users`.

Each refusal is one sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import OperationFailure

from docustore.database import Database
from docustore.errors import UnsupportedStoreError
from docustore.transient import UNAUTHORIZED
from docustore.users.stored import USERS

# Change events carry their wall time, and collections their images, from this version on.
OLDEST_COMPATIBILITY: Final = (6, 0)


async def require_followable(database: Database) -> None:
    """Refuse a server or a collection whose changes cannot be followed.

    Raises:
        UnsupportedStoreError: The feature compatibility version is below 6.0, or `users` is a view.
    """
    version = await compatibility_version(database)
    if version is not None and not is_compatible(version):
        raise UnsupportedStoreError(
            f"MongoDB runs with feature compatibility version {version}, docustore needs 6.0 or later: "
            'run db.adminCommand({setFeatureCompatibilityVersion: "6.0"}) once all members run 6.0'
        )
    remarks = await collection_remarks(database)
    if remarks.is_unusable:
        raise UnsupportedStoreError(remarks.sentences[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """What is unusual about `users`.

    With `is_unusable` its changes cannot be followed.
    """

    sentences: list[str]
    is_unusable: bool = False


async def collection_remarks(database: Database) -> Remarks:
    """Look at the type of `users` and at its images."""
    cursor = await database.list_collections(filter={"name": USERS})
    found = await cursor.to_list()
    if not found:
        return Remarks(sentences=[])
    return remarks_about(found[0]["type"], found[0].get("options", {}))


def remarks_about(kind: str, options: Mapping[str, Any]) -> Remarks:
    """List what is unusual about the collection. Pure."""
    if kind != "collection":
        sentence = (
            f"`{USERS}` is a {kind}, and only a collection has changes to follow: drop it and restore the "
            "collection, then run `docustore changes reset --to snapshot`"
        )
        return Remarks(sentences=[sentence], is_unusable=True)
    if not options.get("changeStreamPreAndPostImages", {}).get("enabled"):
        sentence = (
            f"pre- and post-images of `{USERS}` are off, so updates are recorded with a state that is read later: "
            "run `docustore indexes apply`"
        )
        return Remarks(sentences=[sentence])
    return Remarks(sentences=[])


async def compatibility_version(database: Database) -> str | None:
    """Read the feature compatibility version; None without the right to read it."""
    command = {"getParameter": 1, "featureCompatibilityVersion": 1}
    try:
        reply = await database.client.admin.command(command)
    except OperationFailure as exc:
        if exc.code == UNAUTHORIZED:
            return None
        raise
    return str(reply["featureCompatibilityVersion"]["version"])


def is_compatible(version: str) -> bool:
    """Tell whether events of this version can be read."""
    return tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_COMPATIBILITY
