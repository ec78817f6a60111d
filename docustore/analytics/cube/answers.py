"""What the counters can answer, and the reading of answers from them.

This is the interface for everything that asks: routes, commands, the query language. The counters answer a
question if

- its metrics are `present` and `registered`, both additive over users,
- it groups by no dimension or by one of `docustore.analytics.dimensions`,
- it filters by no dimension, or by values of the dimension that it groups by,
- it cuts the time of registration into intervals of slots (`docustore.analytics.cube.slots`), or not at all.

A multi-valued dimension is additive over user and value, not over users: a user with two tags counts twice.
See `docs/analytics.md`. An answer costs a few indexed reads, at any number of users.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol

from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.values import OTHER

DEFAULT_TOP: Final = 10
MAX_TOP: Final = 50


class CubeMetric(StrEnum):
    """What is counted.

    `present`: users that are not deleted. `registered`: all that ever registered, also deleted and removed ones.
    """

    PRESENT = "present"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeQuestion:
    """One question.

    `edges` are slots in ascending order: n + 1 of them are n intervals of the time of registration. None asks for
    all users, also those whose registration is not known. `values` names the values of the dimension that are
    wanted; None takes the `top` values with the most users of the metric `by`, ties in the order of the text.
    `has_rest` asks for the sum of all other values.
    """

    edges: tuple[int, ...] | None = None
    dimension: str | None = None
    values: tuple[str, ...] | None = None
    top: int = DEFAULT_TOP
    by: CubeMetric = CubeMetric.PRESENT
    has_rest: bool = True

    @property
    def intervals(self) -> list[tuple[int, int]]:
        """The intervals of slots; one without bounds is not listed."""
        return [] if self.edges is None else list(pairwise(self.edges))


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeLine:
    """The figures of one value, by interval.

    One figure if the question has no intervals.
    `value` is None in the line of all users. `other` also sums all values that are not named.
    """

    value: str | None
    registered: list[int]
    present: list[int]

    def figures(self, metric: CubeMetric) -> list[int]:
        """Return the figures of a metric."""
        return self.present if metric is CubeMetric.PRESENT else self.registered


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeAnswer:
    """All users, and the lines of the values with the most users first, then `other`.

    `assigned` sums over all values of the dimension. It equals `all_users` unless the dimension is multi-valued.
    """

    all_users: CubeLine
    assigned: CubeLine | None = None
    values: list[CubeLine] = field(default_factory=list)


class CubeSource(Protocol):
    """Where answers come from: the counters, or a full aggregation."""

    async def answer(self, question: CubeQuestion) -> CubeAnswer:
        """Answer a question."""

    async def answer_all(self, questions: Sequence[CubeQuestion]) -> list[CubeAnswer]:
        """Answer questions, in their order."""

    async def freshness(self, now: datetime) -> Freshness:
        """Tell how old the answers of this source are; they are not older than it says."""


def with_rest(
    question: CubeQuestion, *, all_users: CubeLine, assigned: CubeLine | None, named: Sequence[CubeLine]
) -> CubeAnswer:
    """Put an answer together: the most users first, then the rest as `other`."""
    if question.dimension is None or assigned is None:
        return CubeAnswer(all_users=all_users)
    lines = [line for line in named if line.value != OTHER or not question.has_rest]
    if question.has_rest:
        rest = CubeLine(
            value=OTHER,
            registered=_less(assigned.registered, [line.registered for line in lines]),
            present=_less(assigned.present, [line.present for line in lines]),
        )
        lines += [rest] if any(rest.registered) else []
    return CubeAnswer(all_users=all_users, assigned=assigned, values=lines)


def _less(total: list[int], parts: Sequence[list[int]]) -> list[int]:
    return [number - sum(part[index] for part in parts) for index, number in enumerate(total)]
