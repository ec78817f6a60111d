"""Wait for the search index, and compare it with a fresh one."""

from docustore.changes.status import wait_until_applied
from docustore.database import Database
from docustore.effect_states import load_effect_state
from docustore.users.search_index import SEARCH_ATOMS, USER_SEARCH, search_document
from tests.waiting import until


async def until_searchable(database: Database) -> None:
    """Wait until the index is complete and holds every change so far."""
    seq = await wait_until_applied(database)

    async def is_current() -> bool:
        state = await load_effect_state(database, USER_SEARCH)
        return state is not None and state.is_live and state.seq >= seq

    await until(is_current, what="every change is searchable")


async def assert_index_is_fresh(database: Database) -> None:
    """The documents are those of a new build, and every atom can be looked up."""
    expected = {}
    async for user in database["users"].find():
        document = search_document(user)
        if document is not None:
            expected[str(user["_id"])] = document
    stored = {str(each.pop("_id")): each async for each in database[USER_SEARCH].find()}
    assert stored == expected
    atoms = set(await database[SEARCH_ATOMS].distinct("_id"))
    words = {word for each in expected.values() for word in each["words"] if word.isascii()}
    assert words <= atoms
