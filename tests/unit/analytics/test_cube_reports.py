"""Cohorts, ages, growth and tables from counts."""

from datetime import UTC, date, datetime, timedelta

import pytest

from docustore.analytics.cube.ages_report import AgeLine, ages_of
from docustore.analytics.cube.answers import (
    CubeLine,
    CubeQuestion,
    with_rest,
)
from docustore.analytics.cube.buckets import Period
from docustore.analytics.cube.cohorts_report import (
    CohortCounts,
    CohortLine,
    cohort_months,
    cohort_of,
    month_after,
    months_between,
    rest_of,
)
from docustore.analytics.cube.freshness import freshness_of
from docustore.analytics.cube.months import add_whole, months_of, summed
from docustore.analytics.cube.parameters import DimensionName
from docustore.analytics.cube.responses import prefers_csv
from docustore.analytics.cube.slots import first_slot
from docustore.analytics.cube.tables import Table, csv_of
from docustore.analytics.cube.views import growth_pct, share_pct
from docustore.analytics.dimensions import DIMENSIONS
from docustore.effect_states import BuildState, EffectState
from docustore.errors import InvalidQueryError

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def line(value: str | None, registered: int, present: int) -> CubeLine:
    return CubeLine(value=value, registered=[registered], present=[present])


def test_parameter_names_every_dimension() -> None:
    assert [name.value for name in DimensionName] == list(DIMENSIONS)


def test_cohort_falls_month_by_month() -> None:
    counts = CohortCounts(registered=4, present=1, active=0, ends={"2024-05": 1, "2024-07": 2, "2024-01": 0})

    cohort = cohort_of("2024-05", counts, until="2024-08")

    assert [(cell.month, cell.offset, cell.retained, cell.retained_pct) for cell in cohort.cells] == [
        ("2024-05", 0, 3, 75.0),
        ("2024-06", 1, 3, 75.0),
        ("2024-07", 2, 1, 25.0),
        ("2024-08", 3, 1, 25.0),
    ]
    assert [cell.is_unfinished for cell in cohort.cells] == [False, False, False, True]
    assert (cohort.present_pct, cohort.active_pct) == (25.0, 0.0)


def test_end_before_the_registration_counts_at_once() -> None:
    cohort = cohort_of("2024-05", CohortCounts(registered=2, ends={"2024-04": 1}), until="2024-06")

    assert [cell.retained for cell in cohort.cells] == [1, 1]


def test_cohort_of_nobody_has_no_percentage() -> None:
    cohort = cohort_of("2024-05", CohortCounts(), until="2024-05")

    assert [(cell.retained, cell.retained_pct) for cell in cohort.cells] == [(0, None)]


def test_months_pass_the_end_of_a_year() -> None:
    assert list(months_between("2023-11", "2024-02")) == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert (month_after("2024-12"), month_after("2024-01", months=-13)) == ("2025-01", "2022-12")


def test_ages_by_nearest_rank() -> None:
    today = (date(2024, 5, 11) - date(1970, 1, 1)).days
    days = {today: 1, today - 10: 8, today - 100: 1, today - 5: 0}

    ages = ages_of(AgeLine(value=None, present=12, days=days), today=today)

    assert (ages.users, ages.unknown, ages.average_days) == (10, 2, 18.0)
    assert list(ages.percentiles_days.values()) == [0, 10, 10, 10, 10, 100]


def test_ages_of_nobody() -> None:
    ages = ages_of(AgeLine(value="x", present=1, days={}), today=0)

    assert (ages.users, ages.unknown, ages.average_days, ages.percentiles_days) == (0, 1, None, {})


def test_rest_is_what_no_line_names() -> None:
    """A stored `other` is a part of it."""
    question = CubeQuestion(dimension="location")
    named = [line("Delft", 5, 4), line("other", 2, 1)]

    answer = with_rest(question, all_users=line(None, 9, 7), assigned=line(None, 9, 7), named=named)

    assert answer.values == [line("Delft", 5, 4), line("other", 4, 3)]


def test_no_rest_is_no_line() -> None:
    whole = line(None, 5, 4)

    answer = with_rest(
        CubeQuestion(dimension="location"), all_users=whole, assigned=whole, named=[line("Delft", 5, 4)]
    )

    assert answer.values == [line("Delft", 5, 4)]


def test_days_and_slots_are_summed_by_interval() -> None:
    may = first_slot("2024-05")
    document = {"_id": {"m": "2024-05"}, "r": {"01": 3, "02": 4, "31": 5}, "rs": {"0100": 1, "0195": 2, "0200": 4}}

    assert summed([document], "r", (may, may + 96, may + 192)) == [3, 4]
    assert summed([document], "rs", (may, may + 95, may + 96, may + 97)) == [1, 2, 4]
    assert summed([document], "rs", (may + 1, may + 90)) == [0]


def test_whole_months_are_summed_like_their_days() -> None:
    """A month in one interval is summed at once; one that an edge cuts is summed day by day."""
    november, december, january = (first_slot(month) for month in ("2023-11", "2023-12", "2024-01"))
    days = {"01": 1, "15": 2, "30": 4}
    documents = [{"_id": {"m": month}, "r": days} for month in ("2023-11", "2023-12")]

    assert summed(documents, "r", (november, december, january)) == [7, 7]
    assert summed(documents, "r", (november - 96, january)) == [14]
    assert summed(documents, "r", (november, december + 96, january)) == [8, 6]
    assert summed(documents, "r", (december, january)) == [7]
    assert summed(documents, "r", (november + 96, january - 96 * 10)) == [9]


def test_months_that_an_edge_cuts_are_read_by_day() -> None:
    november, january, march = (first_slot(month) for month in ("2023-11", "2024-01", "2024-03"))
    edges = (november + 96, january, march, march + 1)

    months = months_of(edges)

    assert [(each.interval, each.year, each.registered) for each in months.whole] == [
        (0, "y2023", "r12"),
        (1, "y2024", "r01"),
        (1, "y2024", "r02"),
    ]
    assert months.cut == ("2023-11", "2024-03")
    assert months.years == ["y2023", "y2024"]


def test_years_that_are_not_kept_are_read_by_month() -> None:
    assert months_of((first_slot("1899-12"), first_slot("1900-02"))).cut == ("1899-12",)


def test_whole_months_come_from_the_years() -> None:
    edges = (first_slot("2023-12"), first_slot("2024-01"), first_slot("2024-03"))
    document = {"y2023": {"r12": 1}, "y2024": {"r01": 2, "r02": 3, "p02": 3, "r03": 9}}
    registered, present = [0, 0], [0, 0]

    add_whole(registered, present, document, months_of(edges).whole)

    assert (registered, present) == ([1, 5], [0, 3])


def test_rest_of_cohorts_is_what_no_line_names() -> None:
    whole = {"2024-05": CohortCounts(registered=5, present=3, active=1, ends={"2024-06": 2})}
    named = [
        CohortLine(value="Delft", months={"2024-05": CohortCounts(registered=3, present=2, ends={"2024-06": 1})})
    ]

    [rest] = rest_of(whole, named)

    assert rest.value == "other"
    assert rest.months["2024-05"] == CohortCounts(registered=2, present=1, active=None, ends={"2024-06": 1})
    assert rest_of({"2024-05": CohortCounts(registered=3, present=2)}, named) == []


def test_cohort_of_a_value_has_no_active_users() -> None:
    """The counters cross no two dimensions: null, not 0."""
    cohort = cohort_of("2024-05", CohortCounts(registered=2, present=2, active=None), until="2024-05", value="x")

    assert (cohort.value, cohort.active, cohort.active_pct) == ("x", None, None)


def test_too_many_cohorts_are_refused() -> None:
    years = Period(first=first_slot("2020-01"), end=first_slot("2024-01"))

    assert len(cohort_months(years, lines=12)) == 48
    with pytest.raises(InvalidQueryError, match="smaller `top`"):
        cohort_months(years, lines=52)


def test_growth_and_share_of_nothing() -> None:
    assert (growth_pct(3, 2), growth_pct(0, 4), growth_pct(1, 0)) == (50.0, -100.0, None)
    assert (share_pct(1, 3), share_pct(0, 0)) == (33.33, None)


def test_cells_of_a_table() -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    table = Table(columns=("a", "b"), rows=[("=1", None), (True, 1.5), (moment, "x,y")])

    assert csv_of(table) == 'a,b\r\n\'=1,\r\ntrue,1.5\r\n2024-05-01T00:00:00+00:00,"x,y"\r\n'


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("*/*", False),
        ("text/csv", True),
        ("Text/CSV;q=0.9, */*", True),
        ("text/csv, application/json", False),
    ],
)
def test_csv_by_header(accept: str | None, expected: bool) -> None:
    assert prefers_csv(accept) is expected


@pytest.mark.parametrize(
    ("seq", "as_of", "lag_s"),
    [(7, NOON, 0.0), (6, NOON, 60.0), (6, NOON + timedelta(hours=1), 0.001), (6, None, 0.0)],
)
def test_lag_is_the_age_while_changes_wait(seq: int, as_of: datetime | None, lag_s: float) -> None:
    state = EffectState(name="user_analytics", version=1, state=BuildState.LIVE, seq=seq, as_of=as_of)

    fresh = freshness_of(state, committed=7, now=NOON + timedelta(minutes=1))

    assert (fresh.state, fresh.as_of, fresh.lag_s) == ("live", as_of, lag_s)


def test_counters_of_a_new_store_are_absent() -> None:
    assert freshness_of(None, committed=0, now=NOON).state == "absent"
