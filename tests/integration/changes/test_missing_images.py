"""Images that the server does not have: history and marts are still right."""

from typing import Any

from docustore.analytics.reconcile import reconcile
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from tests.listening import assert_consistent, following, history_of, make_user


async def _set_images(database: Database, *, enabled: bool) -> None:
    await database.command({"collMod": "users", "changeStreamPreAndPostImages": {"enabled": enabled}})


def _set(**fields: Any) -> dict[str, Any]:
    return {"$set": fields, "$inc": {"version": 1}}


async def test_history_stands_in_for_pre_images(database: Database, settings: Settings) -> None:
    user = make_user()
    await database["users"].insert_one(user)
    async with following(database, settings):
        await wait_until_applied(database)
        await _set_images(database, enabled=False)
        await database["users"].replace_one({"_id": user["_id"]}, user | {"status": "inactive", "version": 2})
        await database["users"].delete_one({"_id": user["_id"]})
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[1]["changes"] == {"status": {"before": "active", "after": "inactive"}}
    assert rows[2]["changes"]["status"] == {"before": "inactive"}
    await assert_consistent(database)


async def test_missing_post_images_are_read_and_marked(database: Database, settings: Settings) -> None:
    """Each of three updates without images gets a row that was read later.

    The marts end with the right figures.
    """
    users = [make_user() for _ in range(3)]
    await database["users"].insert_many(users)
    async with following(database, settings):
        await wait_until_applied(database)
    await _set_images(database, enabled=False)
    changed, deleted, again = (user["_id"] for user in users)
    await database["users"].update_one({"_id": changed}, _set(status="inactive"))
    await database["users"].update_one({"_id": deleted}, _set(status="inactive"))
    await database["users"].update_one({"_id": again}, _set(status="inactive"))
    await _set_images(database, enabled=True)
    await database["users"].update_one({"_id": changed}, _set(status="suspended"))
    await database["users"].delete_one({"_id": deleted})
    await database["users"].delete_one({"_id": again})
    await database["users"].insert_one(users[2] | {"status": "suspended"})

    small = settings.model_copy(update={"changes_batch_size": 2})
    async with following(database, small):
        await wait_until_applied(database)
        await database["users"].update_one({"_id": again}, _set(status="active"))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert len(rows) == 3 + 8
    assert [row["_id"] for row in rows if row.get("approximate")] == [4, 5, 6]
    await _assert_marts_right(database)


async def test_collection_without_images_is_followed(database: Database, settings: Settings) -> None:
    """Another client dropped and created the collection, without images."""
    await _set_images(database, enabled=False)
    user = make_user()
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await wait_until_applied(database)
        await database["users"].update_one({"_id": user["_id"]}, _set(status="inactive"))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[1]["changes"] == {"status": {"before": "active", "after": "inactive"}}
    assert rows[1]["approximate"]
    await assert_consistent(database)


async def test_large_missing_images_are_reduced(database: Database, settings: Settings) -> None:
    """The event holds no image, but a row with both images needs 18 MB."""
    user = make_user(blob="x" * 6_000_000)
    await _set_images(database, enabled=False)
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await wait_until_applied(database)
        await database["users"].update_one({"_id": user["_id"]}, _set(status="inactive", blob="y" * 6_000_000))
        await wait_until_applied(database)

    rows = await history_of(database)
    assert rows[1]["changes"] == {
        "blob": {"omitted": True},
        "status": {"before": "active", "after": "inactive"},
    }
    assert rows[1]["after"]["blob"] == "y" * 6_000_000
    await assert_consistent(database)


async def _assert_marts_right(database: Database) -> None:
    difference = await reconcile(database)
    assert difference.is_empty, difference
