"""Functions of another package, found by its entry point, get the changes."""

import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.handlers import REGISTERED, ensure_handlers, load_handlers, open_handler
from tests.listening import following, make_user
from tests.receiving import delivering, is_drained, make_due
from tests.waiting import until

PACKAGE = Path(__file__).parent / "example_package"


@pytest.fixture
async def example(database: Database) -> AsyncIterator[Any]:
    """The package, installed and loaded like a worker does; removed afterwards."""
    sys.path.insert(0, str(PACKAGE))
    try:
        await ensure_handlers(database, load_handlers().values())
        yield import_module("example_handlers")
    finally:
        sys.path.remove(str(PACKAGE))
        del REGISTERED["handler:example"]
        del sys.modules["example_handlers"]


async def test_handler_gets_the_changes_it_asks_for(database: Database, local: Settings, example: Any) -> None:
    ada = make_user()
    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(ada)
        await database["users"].update_one({"_id": ada["_id"]}, {"$set": {"first_name": "Augusta"}})
        await database["users"].update_one({"_id": ada["_id"]}, {"$set": {"email": "countess@example.org"}})
        await database["users"].delete_one({"_id": ada["_id"]})
        await wait_until_applied(database)
        async with delivering(database, local, handler=open_handler):
            await until(lambda: is_drained(database), what="the calls")

    insert, update = example.RECEIVED
    assert [(insert.number, insert.type), (update.number, update.type)] == [
        (1, "user.created"),
        (3, "user.updated"),
    ]
    assert (update.user.email, update.changed) == ("countess@example.org", ["email"])


async def test_failing_handler_is_called_again_with_the_same_event(
    database: Database, local: Settings, example: Any
) -> None:
    example.FAILURES[:] = [ValueError("not now")]
    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        async with delivering(database, local, handler=open_handler):
            await until(lambda: _has_failed(database), what="the failure")
            await make_due(database)
            await until(lambda: is_drained(database), what="the second call")

    assert [event.number for event in example.RECEIVED] == [1]
    row = await database["outbox"].find_one()
    assert row is not None
    assert (row["state"], row["attempts"]) == ("delivered", 2)


async def _has_failed(database: Database) -> bool:
    return await database["outbox"].find_one({"last.error": "ValueError"}) is not None


async def test_events_of_a_missing_package_wait(database: Database, local: Settings, example: Any) -> None:
    """A worker without the package must not take them."""
    handler = REGISTERED.pop("handler:example")
    async with following(database, local):
        await wait_until_applied(database)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
        async with delivering(database, local, handler=open_handler):
            await until(lambda: _is_seen(database), what="a look at the outbox")
            REGISTERED["handler:example"] = handler
            await until(lambda: is_drained(database), what="the call")

    assert [event.number for event in example.RECEIVED] == [1]


async def _is_seen(database: Database) -> bool:
    row = await database["outbox"].find_one()
    return row is not None and row["attempts"] == 0
