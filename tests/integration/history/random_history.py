"""Random changes of users by several writers, with copies of the collection at times."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from docustore.database import AWARE, Database
from tests.listening import JOINED, make_user
from tests.waiting import until

LOCATIONS = ("Oslo", "Utrecht", None)


@dataclass(slots=True, kw_only=True)
class RandomHistory:
    """Writes users, some of them with the ids of other clients; `copies` are by time."""

    database: Database
    random: Random
    copies: dict[datetime, list[dict[str, Any]]] = field(default_factory=dict)
    _names: int = 0

    async def change(self, times: int) -> None:
        """Make changes, one after another; some replace, mark, unmark, delete or bring back a user."""
        for _ in range(times):
            await self._change()

    async def copy(self) -> None:
        """Keep a copy of the collection, at a time that no later change has."""
        users = await self.database["users"].find({}, {"password_hash": 0}).to_list()
        now = await self._now()
        self.copies[now] = users

        async def is_later() -> bool:
            return await self._now() > now

        await until(is_later)

    async def _now(self) -> datetime:
        now: datetime = (await self.database.command("hello", codec_options=AWARE))["localTime"]
        return now

    async def _change(self) -> None:
        # Ids of other clients may be of any type; the validator may be off.
        users, free = self.database["users"], {"bypass_document_validation": True}
        known = await users.find({}, {"_id": 1}).to_list()
        if len(known) < 4 or self.random.random() < 0.1:
            await users.insert_one(self._user(), **free)
            return
        key = {"_id": self.random.choice(known)["_id"]}
        match self.random.randrange(10):
            case 0:
                await users.delete_one(key)
            case 1:
                await users.replace_one(key, self._user(user_id=key["_id"], version=9), **free)
            case 2:
                await users.update_one(key, {"$set": {"deleted_at": JOINED}, "$inc": {"version": 1}}, **free)
            case 3:
                await users.update_one(key, {"$set": {"deleted_at": None}, "$inc": {"version": 1}}, **free)
            case 4:
                await users.update_one(
                    key, {"$unset": {"tags": 1, "profile.bio": 1}, "$inc": {"version": 1}}, **free
                )
            case _:
                await users.update_one(key, {"$set": self._fields(), "$inc": {"version": 1}}, **free)

    def _user(self, *, user_id: Any = None, version: int = 1) -> dict[str, Any]:
        self._names += 1
        user = make_user(version=version, **{"profile.x": "a field of another client"})
        is_foreign = self.random.random() < 0.3
        new_id = f"other-{self._names}" if is_foreign else user["_id"]
        fields = {"roles": [self.random.choice(("user", "admin"))], "tags": self.random.choices("xy", k=1)}
        return {**user, **fields, "_id": new_id if user_id is None else user_id}

    def _fields(self) -> dict[str, Any]:
        choices: list[dict[str, Any]] = [
            {"status": self.random.choice(("active", "inactive", "suspended"))},
            {"roles": self.random.sample(("user", "admin", "guest"), k=2)},
            {"tags": self.random.choices("xyz", k=2)},
            {"profile.location": self.random.choice(LOCATIONS)},
            {"created_at": JOINED.replace(day=self.random.randrange(1, 28))},
            {"first_name": self.random.choice(("Ada", "Bo")), "phone": self.random.randrange(3)},
        ]
        return self.random.choice(choices)
