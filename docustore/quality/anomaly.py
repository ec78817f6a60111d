"""Tell whether a figure is unusual for its hour of the week. Pure.

The figure is compared with those of the same hour in the weeks before, never with itself. The distance from their
median counts in units of their median absolute deviation (MAD), so one outlier in the past changes nothing. A
distance below the floors is never unusual: a MAD of zero would make an anomaly of every change.
See: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), for 3.5 and the scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

# With fewer figures, the median says little of what is usual.
LEAST_HISTORY: Final = 4
WEEKS: Final = 8
MOST_DEVIATIONS: Final = 3.5
# The standard deviation of normally distributed figures is 1.4826 MAD.
SCALE: Final = 1.4826


class Direction(StrEnum):
    """Which changes of a rule are unusual.

    `worse`: more violations. `both`: fewer ones too, since a source may have lost its users. `off`: none.
    """

    WORSE = "worse"
    BOTH = "both"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The least distance of an anomaly.

    `absolute` is in the unit of the figure, `relative` a part of the median. The larger one counts.
    """

    absolute: float
    relative: float


# Figures are percentages of users.
PERCENT_FLOORS: Final = Floors(absolute=0.5, relative=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A figure against its history.

    `deviations` is the distance from the median in standard deviations; None if the history has no spread.
    `history` is the number of figures that it was compared with.
    """

    value: float
    median: float
    deviations: float | None
    history: int
    is_anomalous: bool


def hours_before(at: datetime) -> list[datetime]:
    """List the same hour of the weeks before, latest first."""
    return [at - timedelta(weeks=number) for number in range(1, WEEKS + 1)]


def judge(
    value: float, history: Sequence[float], *, direction: Direction, floors: Floors = PERCENT_FLOORS
) -> Judgement | None:
    """Compare a figure with those of its hour of the week.

    Returns None if there are fewer than `LEAST_HISTORY`, or if the direction is `off`.

    Args:
        value: A larger one is worse.
        history: Without `value` itself.
    """
    if direction is Direction.OFF or len(history) < LEAST_HISTORY:
        return None
    usual = median(history)
    spread = SCALE * median(abs(each - usual) for each in history)
    distance = value - usual
    least = max(MOST_DEVIATIONS * spread, floors.relative * abs(usual), floors.absolute)
    counted = distance if direction is Direction.WORSE else abs(distance)
    return Judgement(
        value=value,
        median=usual,
        deviations=distance / spread if spread else None,
        history=len(history),
        is_anomalous=counted > least,
    )
