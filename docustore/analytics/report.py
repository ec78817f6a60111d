"""The analytics of users, from the live marts only."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypedDict

from docustore.analytics.marts import (
    OTHER_STATUS,
    REGISTRATIONS_PREFIX,
    STATS,
    TOTALS_ID,
    UserMarts,
    marts_of,
    utc_day,
)
from docustore.database import Database
from docustore.users.profile import UserStatus

_DAY_S: Final = 86_400


class RegistrationDay(TypedDict):
    """Registrations of one day, UTC; `date` is ISO (`2026-11-01`)."""

    date: str
    count: int


class UsersAnalytics(TypedDict):
    """The response of `GET /users/analytics`.

    `status_distribution` always has the three states; `other` appears only if another client wrote an unknown
    word. `as_of` is the time of the newest change counted, None before the first start of the listener.
    """

    total_users: int
    status_distribution: dict[str, int]
    registration_trends: list[RegistrationDay]
    average_account_age_days: float
    as_of: datetime | None


async def users_analytics(database: Database, *, now: datetime, days: int = 30) -> UsersAnalytics:
    """Report on all users that are not deleted; O(1) at any number of users.

    Args:
        now: Aware time; the end of account ages and of the trend.
        days: Length of the trend, including today. Days without registrations are left out.
    """
    today = utc_day(now)
    first_day = today - timedelta(days=days - 1)
    documents = await _read(database, first_day=first_day, last_day=today)
    totals: dict[str, Any] = next((d for d in documents if d["_id"] == TOTALS_ID), {})
    marts = marts_of(documents)
    return {
        "total_users": marts.total,
        "status_distribution": _distribution(marts),
        "registration_trends": _trend(marts, first_day=first_day, last_day=today),
        "average_account_age_days": _average_age_days(marts, now=now),
        "as_of": totals.get("as_of"),
    }


async def _read(database: Database, *, first_day: date, last_day: date) -> list[dict[str, Any]]:
    years = range(first_day.year, last_day.year + 1)
    ids = [TOTALS_ID, *(f"{REGISTRATIONS_PREFIX}{year:04}" for year in years)]
    return await database[STATS].find({"_id": {"$in": ids}}).to_list()


def _distribution(marts: UserMarts) -> dict[str, int]:
    distribution = {status.value: marts.by_status.get(status.value, 0) for status in UserStatus}
    if other := marts.by_status.get(OTHER_STATUS):
        distribution[OTHER_STATUS] = other
    return distribution


def _trend(marts: UserMarts, *, first_day: date, last_day: date) -> list[RegistrationDay]:
    first, last = first_day.isoformat(), last_day.isoformat()
    return [{"date": day, "count": count} for day, count in marts.registrations.items() if first <= day <= last]


def _average_age_days(marts: UserMarts, *, now: datetime) -> float:
    if not marts.dated:
        return 0.0
    age_s = now.astimezone(UTC).timestamp() - marts.created_at_sum_s / marts.dated
    return round(age_s / _DAY_S, 2)
