"""A derived effect for tests: the first letters of names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from docustore.changes.derived.derivation import DerivedEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database, Document
from docustore.effect_states import load_effect_state
from docustore.history.rows import Image
from tests.listening import make_user
from tests.waiting import until

INITIALS = "user_initials"
CHUNK = 7


class Initials(DerivedEffect):
    """The first letter of each name; none for a deleted user."""

    name: ClassVar[str] = INITIALS
    version: ClassVar[int] = 1
    collection: ClassVar[str] = INITIALS
    fields: ClassVar[tuple[str, ...]] = ("first_name", "deleted_at")
    derived: ClassVar[list[Any]] = []

    def state_of(self, user: Image) -> Document | None:
        self.derived.append(user["_id"])
        return None if user.get("deleted_at") else {"letter": user["first_name"][:1], "v": self.version}


class InitialsTwo(Initials):
    """The next version."""

    name: ClassVar[str] = INITIALS
    version: ClassVar[int] = 2


class Picky(Initials):
    """It refuses some users."""

    name: ClassVar[str] = INITIALS
    refused: ClassVar[str] = "Bad"

    def state_of(self, user: Image) -> Document | None:
        if self.refused in user["first_name"]:
            raise ValueError(self.refused)
        return super().state_of(user)


@asynccontextmanager
async def keeping(
    database: Database, settings: Settings, effect: type[DerivedEffect] = Initials
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, derived=(effect,)))
    try:
        yield listener
    finally:
        stop.set()
        await asyncio.gather(listener, return_exceptions=True)


async def until_current(database: Database, *, name: str = INITIALS) -> None:
    """Wait until the effect is live and holds every change so far."""
    seq = await wait_until_applied(database)

    async def is_current() -> bool:
        state = await load_effect_state(database, name)
        return state is not None and state.is_live and state.seq >= seq

    await until(is_current, what=f"{name} is live at row {seq}")


async def assert_derived(database: Database, *, version: int = 1) -> None:
    users = await database["users"].find({"deleted_at": None}).to_list()
    expected = {user["_id"]: {"letter": user["first_name"][:1], "v": version} for user in users}
    stored = await database[INITIALS].find().to_list()
    assert {each.pop("_id"): each for each in stored} == expected


async def fill(database: Database, users: int) -> list[dict[str, Any]]:
    made = [make_user(first_name=f"{chr(65 + n % 26)}da") for n in range(users)]
    await database["users"].insert_many(made)
    return made


async def without_effect(database: Database, settings: Settings) -> None:
    """Run a listener that does not know the effect: the store gets a position."""
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, settings, stop=stop, derived=()))
    await wait_until_applied(database)
    stop.set()
    await listener
