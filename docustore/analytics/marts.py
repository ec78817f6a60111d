"""The live marts: counters over all users, read in O(1).

The change listener keeps them.
They are stored in `user_stats`: one document `users` with the totals, and one document per year of registrations.
So a batch of any size touches at most a few dozen documents. Only `share_of` decides what a user counts for;
`docustore.analytics.pipelines` states the same rule for the server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from docustore.database import Database, Document
from docustore.users.profile import UserStatus

STATS: Final = "user_stats"
TOTALS_ID: Final = "users"
REGISTRATIONS_PREFIX: Final = "registrations:"
# Other clients may write any word, also with dots or dollar signs; it must never become part of a field path.
OTHER_STATUS: Final = "other"
KNOWN_STATUSES: Final = tuple(status.value for status in UserStatus)
# The first and last millisecond of the years 1 to 9999: the range of a calendar date.
MIN_DATE_MS: Final = -62_135_596_800_000
MAX_DATE_MS: Final = 253_402_300_799_999
_DAY_MS: Final = 86_400_000
_MILLISECOND: Final = timedelta(milliseconds=1)
_AWARE_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The driver's naive times are UTC.
_EPOCH: Final = _AWARE_EPOCH.replace(tzinfo=None)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class Share(NamedTuple):
    """What one user counts for; `registered_ms` is Unix time, None if unknown."""

    status: str
    registered_ms: int | None


@dataclass(slots=True, kw_only=True)
class UserMarts:
    """Counters over users that are not deleted, or the difference between two states.

    `registrations` is keyed by ISO day, UTC. `dated` counts the users whose registration time is known.
    `created_at_sum_s` sums these times as whole seconds of Unix time: milliseconds would exceed 64 bits at five
    million users.
    """

    total: int = 0
    dated: int = 0
    created_at_sum_s: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    registrations: dict[str, int] = field(default_factory=dict)

    def add(self, share: Share, sign: int) -> None:
        """Count a user in (1) or out (-1)."""
        status, registered_ms = share
        self.total += sign
        self.by_status[status] = self.by_status.get(status, 0) + sign
        if registered_ms is not None:
            day = _iso_day(registered_ms // _DAY_MS)
            self.dated += sign
            self.created_at_sum_s += sign * (registered_ms // 1000)
            self.registrations[day] = self.registrations.get(day, 0) + sign

    def include(self, other: "UserMarts") -> None:
        """Add the counts of other users."""
        self.total += other.total
        self.dated += other.dated
        self.created_at_sum_s += other.created_at_sum_s
        for own, more in ((self.by_status, other.by_status), (self.registrations, other.registrations)):
            for key, count in more.items():
                own[key] = own.get(key, 0) + count

    def without_zeros(self) -> "UserMarts":
        """Return an equal value in normal form: no key whose count is 0, keys in order."""
        return UserMarts(
            total=self.total,
            dated=self.dated,
            created_at_sum_s=self.created_at_sum_s,
            by_status={key: n for key, n in sorted(self.by_status.items()) if n},
            registrations={key: n for key, n in sorted(self.registrations.items()) if n},
        )


def share_of(user: Mapping[str, Any]) -> Share | None:
    """Tell what a user counts for; None for a deleted user.

    The time in the ObjectId replaces a missing or impossible `created_at`.
    """
    if user.get("deleted_at") is not None:
        return None
    return Share(counted_status(user), registered_ms(user))


def counted_status(user: Mapping[str, Any]) -> str:
    """Return the status that a user counts for.

    A missing status counts as active, an unknown one as `other`.
    """
    status = user.get("status")
    if status is None:
        return UserStatus.ACTIVE.value
    return status if isinstance(status, str) and status in KNOWN_STATUSES else OTHER_STATUS


def registered_ms(user: Mapping[str, Any]) -> int | None:
    """Read the registration time: `created_at`, else the ObjectId; Unix milliseconds."""
    created_ms = unix_ms(user.get("created_at"))
    if created_ms is not None:
        return created_ms
    user_id = user.get("_id")
    if isinstance(user_id, ObjectId):
        # Signed, as the server's $toDate reads it.
        return int.from_bytes(user_id.binary[:4], "big", signed=True) * 1000
    return None


def unix_ms(time: object) -> int | None:
    """Return a stored time as Unix milliseconds; None for any other value."""
    if isinstance(time, datetime):
        return (time - (_EPOCH if time.tzinfo is None else _AWARE_EPOCH)) // _MILLISECOND
    if isinstance(time, DatetimeMS) and MIN_DATE_MS <= int(time) <= MAX_DATE_MS:
        return int(time)
    return None


async def read_marts(database: Database, **options: Any) -> UserMarts:
    """Read all counters; they are empty before the first start of the listener.

    Args:
        options: Passed to the driver's `find`, such as `session`.
    """
    query = {"$or": [{"_id": TOTALS_ID}, {"_id": {"$regex": f"^{REGISTRATIONS_PREFIX}"}}]}
    return marts_of(await database[STATS].find(query, **options).to_list())


def marts_of(documents: Iterable[Document]) -> UserMarts:
    """Read counters from the documents of `user_stats`; any document may be missing."""
    marts = UserMarts()
    for document in documents:
        if document["_id"] == TOTALS_ID:
            marts.total = document["total"]
            marts.dated = document["dated"]
            marts.created_at_sum_s = document["created_at_sum_s"]
            marts.by_status = dict(document["by_status"])
        else:
            year = document["_id"].removeprefix(REGISTRATIONS_PREFIX)
            for day, count in document.get("days", {}).items():
                marts.registrations[f"{year}-{day[:2]}-{day[2:]}"] = count
    return marts.without_zeros()


def registrations_by_document(marts: UserMarts) -> dict[str, dict[str, int]]:
    """Group registrations by stored document, without zeros.

    Shape: `{"registrations:2024": {"0501": 3}}`.
    """
    documents: dict[str, dict[str, int]] = {}
    for day, count in marts.registrations.items():
        if count:
            year, month, of_month = day.split("-")
            documents.setdefault(f"{REGISTRATIONS_PREFIX}{year}", {})[month + of_month] = count
    return documents


def utc_day(moment: datetime) -> date:
    """Return the UTC day of a registration at this moment."""
    return moment.astimezone(UTC).date()


@lru_cache(maxsize=4096)
def _iso_day(days_since_epoch: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + days_since_epoch).isoformat()
