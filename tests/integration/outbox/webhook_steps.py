"""Steps of the tests of webhooks."""

from collections import defaultdict
from typing import Any

from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.http_service import HttpService
from tests.listening import following, make_user
from tests.receiving import events, webhook


async def change_users(database: Database, users: list[dict[str, Any]], *, rounds: int = 1) -> None:
    """Insert the users, then change each in every round."""
    await database["users"].insert_many(users)
    for number in range(rounds):
        for user in users:
            await database["users"].update_one({"_id": user["_id"]}, {"$set": {"tags": [f"round-{number}"]}})
    await wait_until_applied(database)


async def only_destination(database: Database) -> dict[str, Any]:
    found = await database["outbox_destinations"].find_one()
    assert found is not None
    return found


def assert_ordered_per_user(service: HttpService) -> None:
    """Repetitions aside, the numbers of each user grow."""
    by_user: dict[str, list[int]] = defaultdict(list)
    for event in events(service):
        by_user[event["data"]["user_id"]].append(event["data"]["number"])
    for received in by_user.values():
        first_times = list(dict.fromkeys(received))
        assert first_times == sorted(first_times)


async def one_event(database: Database, local: Settings, service: HttpService, **filter_: Any) -> str:
    async with following(database, local):
        await wait_until_applied(database)
        webhook_id, _ = await webhook(database, local, service.url, **filter_)
        await database["users"].insert_one(make_user())
        await wait_until_applied(database)
    return webhook_id


async def has_told(database: Database, count: int) -> bool:
    destination = await only_destination(database)
    return destination["fill"] is None and destination["delivered"] >= count
