"""The figures of the analytics, counted a second time from users and history.

Nothing here calls the counting of docustore.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from tests.chaos.histories.reading import Row, User, document_of

STATUSES: Final = ("active", "inactive", "suspended")
MAX_BYTES, MAX_ELEMENTS = 256, 200


@dataclass(slots=True)
class Past:
    """What history says.

    The last state of each user, changes of status, changes by writer.
    """

    last: dict[Any, User] = field(default_factory=dict)
    transitions: Counter[str] = field(default_factory=Counter)
    writers: Counter[str] = field(default_factory=Counter)


async def past_of(rows: AsyncIterator[Row]) -> Past:
    past = Past()
    now: dict[Any, User | None] = {}
    async for row in rows:
        before, after = now.get(row.user_id), row.after
        past.writers[row.source.partition(":")[0]] += 1
        if before is not None and after is not None and status_of(before) != status_of(after):
            past.transitions[f"{status_of(before)[0]}>{status_of(after)[0]}"] += 1
        if after is not None:
            past.last[row.user_id] = after
        now[row.user_id] = after
    return past


def counted(users: Iterable[User], values_of: Callable[[User], Iterable[str]]) -> Counter[str]:
    """Count users by the values of a dimension."""
    return Counter(value for user in users for value in values_of(user))


def days_of(users: Iterable[User]) -> Counter[str]:
    """Count users by the UTC day of their registration, as ISO text."""
    return Counter(day for user in users if (day := _registration_day(user)) is not None)


def _registration_day(user: User) -> str | None:
    created_at, user_id = user.get("created_at"), user["_id"]
    if isinstance(created_at, datetime):
        return created_at.date().isoformat()
    return user_id.generation_time.date().isoformat() if isinstance(user_id, ObjectId) else None


def status_of(user: User) -> list[str]:
    status = user.get("status")
    if status is None:
        return ["active"]
    return [status if status in list(STATUSES) else "other"]


def sources_of(user: User) -> list[str]:
    identities = user.get("identities")
    if not isinstance(identities, list):
        return ["local"]
    found = set()
    for each in identities[:MAX_ELEMENTS]:
        key = document_of(each).get("key")
        source = key.split(":")[0] if type(key) is str else "local"
        found.add(source if len(source.encode()) <= MAX_BYTES else "other")
    if len(identities) > MAX_ELEMENTS:
        found.add("other")
    return sorted(found - {"local", ""}) or ["local"]


def locations_of(user: User) -> list[str]:
    location = document_of(user.get("profile")).get("location")
    if location is None or (type(location) is str and not location):
        return ["none"]
    return [_word(location)]


def roles_of(user: User) -> list[str]:
    return _labels(user.get("roles"))


def tags_of(user: User) -> list[str]:
    return _labels(user.get("tags"))


def _labels(value: Any) -> list[str]:
    if not isinstance(value, list):
        return ["none"] if value is None else ["other"]
    found = {_word(each) for each in value[:MAX_ELEMENTS]}
    if len(value) > MAX_ELEMENTS:
        found.add("other")
    return sorted(found) or ["none"]


def _word(value: Any) -> str:
    # Not `isinstance`: code is a text for the driver and none for the server.
    return value if type(value) is str and value and len(value.encode()) <= MAX_BYTES else "other"


DIMENSIONS: Final[Mapping[str, Callable[[User], list[str]]]] = {
    "status": status_of,
    "source": sources_of,
    "location": locations_of,
    "role": roles_of,
    "tag": tags_of,
}
