from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.history.models import Operation, UserHistory
from tests.listening import following, make_user


async def test_rows_are_read_as_the_model_says(database: Database, settings: Settings) -> None:
    user = make_user()
    async with following(database, settings):
        await wait_until_applied(database)
        await database["users"].insert_one(user)
        await database["users"].delete_one({"_id": user["_id"]})
        await wait_until_applied(database)

    rows = await UserHistory.find({"user_id": user["_id"]}).sort("_id").to_list()

    assert [(row.id, row.operation) for row in rows] == [(1, Operation.INSERT), (2, Operation.DELETE)]
    assert rows[0].after is not None
    assert rows[0].after["email"] == user["email"]
