"""Queries answered the slow way: one user after the other, in Python."""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId

from docustore.analytics.dimensions import DIMENSIONS
from docustore.analytics.marts import registered_ms
from docustore.analytics.query.fields import FILTER_FIELDS, OPERATORS, FieldKind, Operator
from docustore.analytics.query.metrics import METRICS
from docustore.analytics.query.model import Bucket, Filter, QueryInput, WeekStart
from docustore.analytics.values import completeness_of

START = datetime(2024, 1, 1, tzinfo=UTC)
WORDS = ["Delft", "Porto", "a.$b", "$where", "none", "other", "é", "Z", "a|b", "D.lft"]
ZONES = ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns", "Asia/Kolkata"]
FIRST_DAYS = {WeekStart.MONDAY: 0, WeekStart.SATURDAY: 5, WeekStart.SUNDAY: 6}

User = Mapping[str, Any]


def random_user(chance: random.Random, number: int) -> dict[str, Any]:
    """Make a user, often one that another client wrote: fields are missing or empty."""
    moment = START + timedelta(minutes=chance.randrange(60 * 24 * 500), milliseconds=chance.randrange(1000))
    user = {
        "_id": ObjectId(f"{int(moment.timestamp()):08x}{number:016x}"),
        "email": f"user{number}@{chance.choice(['example.org', 'example.com', 'Example.net'])}",
        "first_name": chance.choice(["Ada", "Bob", "", "A|da"]),
        "last_name": "L",
        "status": chance.choice(["active", "active", "inactive", "suspended"]),
        "profile": {
            "avatar": chance.choice([None, "https://example.org/a.png"]),
            "bio": chance.choice([None, "", "text"]),
            "location": chance.choice([None, "", *WORDS]),
            "preferences": {
                "notifications": chance.choice([True, False]),
                "theme": chance.choice(["light", "dark"]),
                "language": chance.choice(["en", "nl", "de"]),
            },
        },
        "roles": chance.sample(WORDS, chance.randrange(3)),
        "tags": chance.sample(WORDS, chance.randrange(3)),
        "identities": [
            {"key": f"{source}:{number}"} for source in chance.sample(["crm", "hr"], chance.randrange(3))
        ],
        "created_at": moment,
        "updated_at": moment,
        "deleted_at": chance.choice([None, None, None, moment]),
    }
    for name in ("status", "profile", "roles", "created_at", "first_name", "deleted_at"):
        if chance.random() < 0.1:
            del user[name]
    return user


def random_query(chance: random.Random, *, share: float = 0) -> dict[str, Any]:
    """Make the body of a valid query.

    Args:
        share: How many are of one dimension, as counters keep it.
    """
    is_simple = chance.random() < share
    metrics = chance.sample(list(METRICS), chance.randint(1, 3))
    dimensions = chance.sample(list(DIMENSIONS), chance.choice([0, 0, 1, 1, 2, 3]))
    if is_simple:
        metrics = chance.sample(["users", "registrations", "deleted"], chance.randint(1, 3))
        dimensions = dimensions[:1]
    time = _random_time(chance)
    columns = [*metrics, *dimensions, *(["bucket"] if time.get("bucket") else [])]
    order = chance.sample(columns, min(len(columns), chance.randrange(3)))
    return {
        "metrics": metrics,
        "dimensions": dimensions,
        "filters": [_random_filter(chance, dimensions * is_simple) for _ in range(chance.choice([0, 0, 1, 2]))],
        "time": time,
        "order": [{"by": name, "direction": chance.choice(["asc", "desc"])} for name in order],
        "limit": chance.choice([1, 5, 1000]),
    }


def _random_time(chance: random.Random) -> dict[str, Any]:
    moments = sorted(START + timedelta(hours=chance.randrange(24 * 500)) for _ in range(2))
    if chance.random() < 0.5:
        moments = [moment.replace(hour=0) for moment in moments]
    time: dict[str, Any] = {"timezone": chance.choice(ZONES), "week_start": chance.choice([*WeekStart])}
    if chance.random() < 0.5:
        time["bucket"] = chance.choice([*Bucket])
    if chance.random() < 0.4:
        time["since"] = moments[0].isoformat()
    if chance.random() < 0.4 and moments[0] < moments[1]:
        time["until"] = moments[1].isoformat()
    return time


def _random_filter(chance: random.Random, names: list[str]) -> dict[str, Any]:
    name = chance.choice(names or list(FILTER_FIELDS))
    kind = FILTER_FIELDS[name]
    operator = chance.choice(OPERATORS[kind])
    words = [*WORDS, "active", "inactive", "crm", "hr", "local", "en", "dark", "Ada", "0", "2", "example.org"]
    value: Any = chance.choice(words)
    if operator is Operator.EXISTS or kind is FieldKind.FLAG:
        value = chance.choice([True, False])
    elif operator in {Operator.IN, Operator.NOT_IN}:
        value = chance.sample(words, chance.randint(1, 5))
    elif kind is FieldKind.TIME:
        value = (START + timedelta(days=chance.randrange(500))).isoformat()
    elif operator is Operator.PREFIX:
        value = chance.choice(["user1", "A", "A|", "D", "D.", "http", "e", "$"])
    return {"field": name, "op": operator, "value": value}


def naive_rows(query: QueryInput, users: Iterable[User], *, now: datetime) -> list[list[Any]]:
    """Answer a query, without its order and limit: the rows in any order."""
    groups: dict[tuple[Any, ...], list[User]] = {}
    for user in users:
        if all(_matches(each, user) for each in query.filters) and _is_in_time(query, user):
            for key in _keys(query, user):
                groups.setdefault(key, []).append(user)
    if not query.dimensions and query.time.bucket is None:
        groups.setdefault((), [])
    counts_deleted = any(METRICS[name].counts_deleted for name in query.metrics)
    rows = []
    for key, members in groups.items():
        counted = [user for user in members if counts_deleted or _is_present(user)]
        if counted or not key:
            rows.append([*key, *(_metric(name, counted, now) for name in query.metrics)])
    return rows


def _keys(query: QueryInput, user: User) -> Iterable[tuple[Any, ...]]:
    values = [DIMENSIONS[name].values_of(user) for name in query.dimensions]
    if query.time.bucket is not None:
        values = [(_bucket(query, user),), *values]
    return product(*values)


def _is_present(user: User) -> bool:
    return user.get("deleted_at") is None


def _registered(user: User) -> datetime | None:
    moment = registered_ms(user)
    return None if moment is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment)


def _is_in_time(query: QueryInput, user: User) -> bool:
    since, until, moment = query.time.since, query.time.until, _registered(user)
    if since is None and until is None:
        return True
    return moment is not None and (since is None or moment >= since) and (until is None or moment < until)


def _bucket(query: QueryInput, user: User) -> str | None:
    moment = _registered(user)
    if moment is None:
        return None
    zone = ZoneInfo(query.time.timezone)
    local = moment.astimezone(zone)
    if query.time.bucket is Bucket.HOUR:
        # The part of the hour that has passed; zones differ from UTC by whole quarters of an hour.
        passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (moment - passed).astimezone(zone).isoformat()
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match query.time.bucket:
        case Bucket.WEEK:
            day -= timedelta(days=(day.weekday() - FIRST_DAYS[query.time.week_start]) % 7)
        case Bucket.MONTH:
            day = day.replace(day=1)
        case Bucket.QUARTER:
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Bucket.YEAR:
            day = day.replace(month=1, day=1)
    return day.isoformat()


def _metric(name: str, users: list[User], now: datetime) -> Any:
    present = [user for user in users if _is_present(user)]
    match name:
        case "users":
            return len(present)
        case "registrations":
            return len(users)
        case "deleted":
            return len(users) - len(present)
        case "average_age_days":
            seconds = [registered_ms(user) // 1000 for user in present if registered_ms(user) is not None]
            return round((now.timestamp() - sum(seconds) / len(seconds)) / 86_400, 2) if seconds else None
        case _:
            given = [int(completeness_of(user)[0]) for user in present]
            return round(100 * sum(given) / (3 * len(given)), 2) if given else None


def _matches(condition: Filter, user: User) -> bool:
    name, operator, wanted = condition.field, condition.op, condition.value
    if FILTER_FIELDS[name] is FieldKind.DIMENSION:
        values: list[Any] = list(DIMENSIONS[name].values_of(user))
    else:
        found: Any = user
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        values = found if isinstance(found, list) else [found]
    if operator in {Operator.NE, Operator.NOT_IN}:
        return not _has(values, Operator.EQ if operator is Operator.NE else Operator.IN, wanted)
    return _has(values, operator, wanted)


def _has(values: list[Any], operator: Operator, wanted: Any) -> bool:
    match operator:
        case Operator.EQ:
            return wanted in values
        case Operator.IN:
            return any(value in wanted for value in values)
        case Operator.EXISTS:
            return wanted is any(value not in {None, ""} for value in values)
        case Operator.PREFIX:
            return any(isinstance(value, str) and value.startswith(wanted) for value in values)
    bound = datetime.fromisoformat(wanted)
    return any(
        isinstance(value, datetime) and (value >= bound if operator is Operator.GTE else value < bound)
        for value in values
    )
