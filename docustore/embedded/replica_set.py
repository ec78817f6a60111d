"""The replica set of one embedded mongod: its address and its primary."""

import asyncio
import time
from typing import Any, Final

from pymongo import AsyncMongoClient, WriteConcern

from docustore.embedded.ports import LOOPBACK
from docustore.errors import EmbeddedServerError

REPLICA_SET: Final = "rs0"
CONFIG_COLLECTION: Final = "system.replset"
PRIMARY_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02

Admin = AsyncMongoClient[dict[str, Any]]


async def must_restart_to_move(client: Admin, port: int) -> bool:
    """Store the server's current address in its replica-set configuration.

    Returns:
        True when another address was stored. The server reads the new one only at its next start.

    A forced `replSetReconfig` needs no restart, but the server first connects to the old address. That takes 30 s
    when a program there accepts connections and never answers. The write is safe: the set has no other member
    that could hold another configuration.
    """
    journaled = client.local.get_collection(CONFIG_COLLECTION, write_concern=WriteConcern(w=1, j=True))
    result = await journaled.update_one(
        {"_id": REPLICA_SET, "members.0.host": {"$ne": _address(port)}},
        {"$set": {"members.0.host": _address(port)}, "$inc": {"version": 1}},
    )
    return result.modified_count > 0


async def ensure_primary(client: Admin, port: int) -> None:
    """Make the server the primary of its replica set, and wait for it.

    Raises:
        EmbeddedServerError: It did not become primary in time.
    """
    deadline = time.monotonic() + PRIMARY_TIMEOUT_S
    await _initiate_once(client, port)
    while not (await client.admin.command("hello")).get("isWritablePrimary"):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"mongod on port {port} did not become primary within {PRIMARY_TIMEOUT_S:g} s: see its log"
            )
        await asyncio.sleep(POLL_S)


async def _initiate_once(client: Admin, port: int) -> None:
    if await client.local.get_collection(CONFIG_COLLECTION).find_one({}) is None:
        member = {"_id": 0, "host": _address(port)}
        await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})


def _address(port: int) -> str:
    return f"{LOOPBACK}:{port}"
