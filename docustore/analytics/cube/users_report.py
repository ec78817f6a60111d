"""`GET /analytics/users`: totals and distributions."""

import msgspec

from docustore.analytics.cube.answers import CubeAnswer, CubeLine, CubeQuestion, CubeSource
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.scope import Scope
from docustore.analytics.cube.tables import Cell, Table
from docustore.analytics.cube.views import Growth, PeriodView, growth_of, period_view, share_pct
from docustore.analytics.dimensions import DIMENSIONS


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Users that ever registered.

    Of these, `present` are not deleted, and `ended` are deleted or removed.
    """

    registered: int
    present: int
    ended: int


class ValueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The users with one value; `present_pct` is their share of the present users."""

    value: str
    registered: int
    present: int
    present_pct: float | None
    growth: Growth | None


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Users by the values of one dimension, most present users first, then `other`.

    If the dimension `is_multi_valued`, a user counts once for each of its values, so the figures add up to more
    than all users.
    """

    dimension: str
    is_multi_valued: bool
    values: list[ValueFigures]


class UsersReport(msgspec.Struct, frozen=True, kw_only=True):
    """Users that registered in the period, in all times without one."""

    period: PeriodView | None
    totals: Totals
    previous: PeriodView | None
    previous_totals: Totals | None
    growth: Growth | None
    distributions: list[Distribution]
    freshness: Freshness

    def table(self) -> Table:
        """Return the figures as rows, with the growth if there is one.

        The dimension of all users is empty.
        """
        columns: tuple[str, ...] = ("dimension", "value", "registered", "present", "ended", "present_pct")
        totals = (None, None, self.totals.registered, self.totals.present, self.totals.ended, None)
        rows: list[tuple[Cell, ...]] = [(*totals, *_growth_cells(self.growth))]
        rows += [
            (
                each.dimension,
                own.value,
                own.registered,
                own.present,
                own.registered - own.present,
                own.present_pct,
                *_growth_cells(own.growth),
            )
            for each in self.distributions
            for own in each.values
        ]
        if self.growth is not None:
            columns = (*columns, "registered_growth_pct", "present_growth_pct")
        return Table(columns=columns, rows=rows)


async def users_report(source: CubeSource, scope: Scope) -> UsersReport:
    """Count users by the dimension that is asked for, else by each."""
    dimensions = list(DIMENSIONS) if scope.dimension is None else [scope.dimension]
    edges = _edges(scope.period)
    asked = [CubeQuestion(edges=edges, dimension=each, top=scope.top) for each in dimensions]
    total, *answers = await source.answer_all([CubeQuestion(edges=edges), *asked])
    earlier: list[CubeAnswer] = []
    if scope.before is not None:
        questions = [
            _earlier(question, answer, scope.before) for question, answer in zip(asked, answers, strict=True)
        ]
        earlier = await source.answer_all([CubeQuestion(edges=_edges(scope.before)), *questions])
    before = earlier[0].all_users if earlier else None
    distributions = [
        _distribution(dimension, answer, earlier[index + 1] if earlier else None)
        for index, (dimension, answer) in enumerate(zip(dimensions, answers, strict=True))
    ]
    return UsersReport(
        period=period_view(scope.period),
        totals=_totals(total.all_users),
        previous=period_view(scope.before),
        previous_totals=None if before is None else _totals(before),
        growth=None if before is None else growth_of(_both(total.all_users), _both(before)),
        distributions=distributions,
        freshness=await source.freshness(scope.now),
    )


def _earlier(question: CubeQuestion, answer: CubeAnswer, period: Period) -> CubeQuestion:
    named = tuple(line.value for line in answer.values if line.value is not None)
    return CubeQuestion(edges=_edges(period), dimension=question.dimension, values=named)


def _distribution(dimension: str, answer: CubeAnswer, earlier: CubeAnswer | None) -> Distribution:
    before = {} if earlier is None else {line.value: line for line in earlier.values}
    return Distribution(
        dimension=dimension,
        is_multi_valued=DIMENSIONS[dimension].is_multi_valued,
        values=[
            _figures(line, answer.all_users, before.get(line.value), is_compared=earlier is not None)
            for line in answer.values
        ],
    )


def _figures(line: CubeLine, total: CubeLine, before: CubeLine | None, *, is_compared: bool) -> ValueFigures:
    earlier = (0, 0) if before is None else _both(before)
    return ValueFigures(
        value=line.value or "",
        registered=line.registered[0],
        present=line.present[0],
        present_pct=share_pct(line.present[0], total.present[0]),
        growth=growth_of(_both(line), earlier) if is_compared else None,
    )


def _growth_cells(growth: Growth | None) -> tuple[float | None, ...]:
    return () if growth is None else (growth.registered_pct, growth.present_pct)


def _edges(period: Period | None) -> tuple[int, int] | None:
    return None if period is None else (period.first, period.end)


def _both(line: CubeLine) -> tuple[int, int]:
    return line.registered[0], line.present[0]


def _totals(line: CubeLine) -> Totals:
    registered, present = _both(line)
    return Totals(registered=registered, present=present, ended=registered - present)
