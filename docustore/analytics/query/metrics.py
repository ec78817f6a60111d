"""The metrics of the query language. Pure.

A metric is read off sums over users, which a rollup may add up. It is stated twice: `value` for sums that Python
holds, and `expression` for the server. A test compares the two.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from docustore.analytics.query.columns import ColumnType
from docustore.analytics.values import COMPLETING

Number = int | float | None
DAY_S: Final = 86_400
DECIMALS: Final = 2


class Sum(StrEnum):
    """What is added up over users.

    `present` users are not deleted; `dated` users are present and have a known registration time.
    """

    ALL = "all"
    PRESENT = "present"
    DATED = "dated"
    REGISTERED_S = "registered_s"
    FILLED = "filled"


Sums = Mapping[Sum, int]


class Additivity(StrEnum):
    """Whether the values of rows may be added up: the rule that lets a rollup answer.

    An additive metric is the sum of its parts in time, and over each dimension of which a user has one value. A
    derived metric is read off sums, so a rollup answers if it keeps these sums; its values cannot be added.
    """

    ADDITIVE = "additive"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; `now_s` is the time of the answer in Unix seconds.

    `counts_deleted` tells that it needs deleted users too.
    """

    name: str
    meaning: str
    additivity: Additivity
    type: ColumnType
    sums: tuple[Sum, ...]
    value: Callable[[Sums, float], Number]
    expression: Callable[[float], Any]
    counts_deleted: bool = False


def _average_age_days(sums: Sums, now_s: float) -> Number:
    users = sums[Sum.DATED]
    return (now_s - sums[Sum.REGISTERED_S] / users) / DAY_S if users else None


def _average_age_expression(now_s: float) -> Any:
    average = {"$divide": [f"${Sum.REGISTERED_S}", f"${Sum.DATED}"]}
    days = {"$divide": [{"$subtract": [now_s, average]}, DAY_S]}
    return {"$cond": [{"$gt": [f"${Sum.DATED}", 0]}, days, None]}


def _completeness_pct(sums: Sums, _now_s: float) -> Number:
    users = sums[Sum.PRESENT]
    return 100 * sums[Sum.FILLED] / (users * len(COMPLETING)) if users else None


def _completeness_expression(_now_s: float) -> Any:
    users = {"$multiply": [f"${Sum.PRESENT}", len(COMPLETING)]}
    percent = {"$divide": [{"$multiply": [f"${Sum.FILLED}", 100]}, users]}
    return {"$cond": [{"$gt": [f"${Sum.PRESENT}", 0]}, percent, None]}


_ALL: Final = (
    Metric(
        name="users",
        meaning="users that are not deleted",
        additivity=Additivity.ADDITIVE,
        type=ColumnType.INTEGER,
        sums=(Sum.PRESENT,),
        value=lambda sums, _: sums[Sum.PRESENT],
        expression=lambda _: f"${Sum.PRESENT}",
    ),
    Metric(
        name="registrations",
        meaning="users that registered, also those that were deleted later: a deletion does not shrink the past",
        additivity=Additivity.ADDITIVE,
        type=ColumnType.INTEGER,
        sums=(Sum.ALL,),
        value=lambda sums, _: sums[Sum.ALL],
        expression=lambda _: f"${Sum.ALL}",
        counts_deleted=True,
    ),
    Metric(
        name="deleted",
        meaning="users that were deleted",
        additivity=Additivity.ADDITIVE,
        type=ColumnType.INTEGER,
        sums=(Sum.ALL, Sum.PRESENT),
        value=lambda sums, _: sums[Sum.ALL] - sums[Sum.PRESENT],
        expression=lambda _: {"$subtract": [f"${Sum.ALL}", f"${Sum.PRESENT}"]},
        counts_deleted=True,
    ),
    Metric(
        name="average_age_days",
        meaning="days since registration of the users that are not deleted, on average",
        additivity=Additivity.DERIVED,
        type=ColumnType.NUMBER,
        sums=(Sum.DATED, Sum.REGISTERED_S),
        value=_average_age_days,
        expression=_average_age_expression,
    ),
    Metric(
        name="completeness_pct",
        meaning="per cent of avatar, biography and location that users have who are not deleted, on average",
        additivity=Additivity.DERIVED,
        type=ColumnType.NUMBER,
        sums=(Sum.PRESENT, Sum.FILLED),
        value=_completeness_pct,
        expression=_completeness_expression,
    ),
)
METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}


def sums_for(names: Iterable[str]) -> tuple[Sum, ...]:
    """List the sums that some metrics need, each once."""
    return tuple(dict.fromkeys(each for name in names for each in METRICS[name].sums))


def shown(value: Number) -> Number:
    """Round a metric for an answer; whole numbers stay whole."""
    return round(value, DECIMALS) if isinstance(value, float) else value
