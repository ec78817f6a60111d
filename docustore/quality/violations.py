"""The users that violate a rule, by index, in pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from bson import json_util

from docustore.database import Database
from docustore.quality.counts import VALUES
from docustore.quality.rules import NotOlderThan, Rule, UniqueBy
from docustore.quality.stored import USER_QUALITY

SHARED: Final = {"users": {"$gt": 1}}


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Where a page begins: after a user.

    For a rule of unique values, after the user of a value.
    """

    user_id: Any
    value: str | None = None

    @property
    def text(self) -> str:
        """The form in a cursor: it keeps the type of the id, which other clients choose."""
        return f"{self.value or ''}|{json_util.dumps(self.user_id, json_options=json_util.CANONICAL_JSON_OPTIONS)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`."""
        value, _, user_id = text.partition("|")
        found = json_util.loads(user_id, json_options=json_util.CANONICAL_JSON_OPTIONS)
        return cls(user_id=found, value=value or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """One page of ids; `after` is the last one, None at the end."""

    user_ids: list[Any]
    after: After | None


async def violations(
    database: Database, rule: Rule, rule_id: str, *, after: After | None, limit: int, now: datetime
) -> Violations:
    """Find the next users that violate a rule.

    Args:
        now: Naive time in UTC.
    """
    if isinstance(rule.check, UniqueBy):
        return await _sharing(database, rule_id, after=after, limit=limit)
    query: dict[str, Any] = {"violated": rule_id}
    if isinstance(rule.check, NotOlderThan):
        cutoff = now - timedelta(days=rule.check.days)
        query = {"clocks": {"$elemMatch": {"rule": rule_id, "at": {"$lt": cutoff}}}}
    user_ids = await _next_ids(database, query, after=after, limit=limit)
    return Violations(user_ids=user_ids, after=After(user_id=user_ids[-1]) if len(user_ids) == limit else None)


async def _sharing(database: Database, rule_id: str, *, after: After | None, limit: int) -> Violations:
    """Walk over the shared values and the users of each.

    One value may have any number of users.
    """
    user_ids: list[Any] = []
    value = None if after is None else after.value
    if after is None or value is None:
        value, after = await _next_value(database, rule_id, after=None), None
    while value is not None:
        query = {"keys": {"$elemMatch": {"rule": rule_id, "value": value}}}
        missing = limit - len(user_ids)
        found = await _next_ids(database, query, after=after, limit=missing)
        user_ids += found
        if len(found) == missing:
            return Violations(user_ids=user_ids, after=After(user_id=found[-1], value=value))
        value, after = await _next_value(database, rule_id, after=value), None
    return Violations(user_ids=user_ids, after=None)


async def _next_value(database: Database, rule_id: str, *, after: str | None) -> str | None:
    query: dict[str, Any] = {"_id.rule": rule_id, **SHARED}
    if after is not None:
        query["_id.value"] = {"$gt": after}
    found: Mapping[str, Any] | None = await database[VALUES].find_one(query, sort=[("_id.value", 1)])
    return None if found is None else str(found["_id"]["value"])


async def _next_ids(database: Database, query: dict[str, Any], *, after: After | None, limit: int) -> list[Any]:
    if after is not None:
        # An operator of a query finds only ids of one type; an expression compares all of them, in the order of
        # the sort.
        query = {**query, "$expr": {"$gt": ["$_id", {"$literal": after.user_id}]}}
    found = database[USER_QUALITY].find(query, {"_id": 1}, sort=[("_id", 1)], limit=limit)
    return [document["_id"] async for document in found]
