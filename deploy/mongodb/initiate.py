"""Initiate the replica set and create its accounts.

Repeatable: existing parts stay unchanged. Runs in the network of the first member, because a server without
accounts accepts these commands only from its loopback address (the localhost exception).
"""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from docustore.store_rights import roles_on

Client = MongoClient[dict[str, Any]]

ROOT: Final = "root"
SERVICE: Final = "docustore"
ALREADY_INITIALIZED: Final = 23
USER_EXISTS: Final = 51003
# An election among three fresh members takes about 12 s.
PRIMARY_TIMEOUT_S: Final = 90


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Set up the replica set; the exit code is 0 when it can be used."""
    address = environment.get("MONGODB_LOCAL_URL", "mongodb://localhost:27017/")
    tls: dict[str, Any] = {}
    if environment.get("MONGODB_TLS", "off") == "on":
        tls = {"tls": True, "tlsCAFile": "/run/tls/ca.pem"}
    root_password = environment["MONGODB_ROOT_PASSWORD"]
    try:
        with MongoClient[dict[str, Any]](address, directConnection=True, **tls) as client:
            initiate(client, environment["MONGODB_MEMBERS"].split(","))
            wait_for_primary(client)
            create_root(client, root_password)
        credentials: dict[str, Any] = {"username": ROOT, "password": root_password, "authSource": "admin"}
        with MongoClient[dict[str, Any]](address, directConnection=True, **credentials, **tls) as root:
            set_service_account(root, environment["MONGODB_PASSWORD"], environment["MONGODB_DATABASE"])
    except (PyMongoError, TimeoutError) as exc:
        sys.stderr.write(f"error: {type(exc).__name__}: {exc}\n")
        return 1
    sys.stdout.write("replica set and accounts are in place\n")
    return 0


def initiate(client: Client, members: list[str]) -> None:
    """Make the members a replica set.

    The first member is preferred as primary, because this script connects to it.
    """
    configured = [
        {"_id": number, "host": host, "priority": 2 if number == 0 else 1} for number, host in enumerate(members)
    ]
    if client.admin.command("hello").get("setName"):
        return
    try:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": configured})
    except OperationFailure as exc:
        if exc.code != ALREADY_INITIALIZED:
            raise


def wait_for_primary(client: Client) -> None:
    """Wait until this member is primary.

    Raises:
        TimeoutError: Another member stays primary, or there is no majority.
    """
    deadline = time.monotonic() + PRIMARY_TIMEOUT_S
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"this member did not become primary within {PRIMARY_TIMEOUT_S} s")
        # A one-shot script has nothing else to do; the deadline above bounds the wait.
        time.sleep(0.5)


def create_root(client: Client, password: str) -> None:
    """Create the first account.

    The server refuses this when an account exists: then the localhost exception has ended.
    """
    try:
        client.admin.command("createUser", ROOT, pwd=password, roles=["root"])
    except OperationFailure as exc:
        is_there = exc.code == USER_EXISTS or "requires authentication" in str(exc)
        if not is_there:
            raise


def set_service_account(client: Client, password: str, database: str) -> None:
    """Create the service account: its database, and the state of the cluster."""
    exists = client.admin.command("usersInfo", SERVICE)["users"]
    client.admin.command("updateUser" if exists else "createUser", SERVICE, pwd=password, roles=roles_on(database))


if __name__ == "__main__":
    sys.exit(main())
