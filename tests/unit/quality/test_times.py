"""The users of a rule of time before any cut-off, from its counters."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from docustore.quality.counts import QualityCounts
from docustore.quality.stored import counted_of
from docustore.quality.times import Times, slot_start
from docustore.quality.verdict import SHAPE, Verdict
from tests.unit.quality.stored_counts import stored

RULE = "old@1"
# Around the end of a year, of a month, of a day, and in years that are not kept by month.
CUTOFFS = st.datetimes(datetime.fromisoformat("2025-12-31T22:00"), datetime.fromisoformat("2026-03-02T02:00"))
MOMENTS = CUTOFFS | st.datetimes(datetime.fromisoformat("1899-12-30"), datetime.fromisoformat("2400-01-01"))


def verdict(at: datetime, *, is_older: bool = False) -> Verdict:
    found = Verdict(
        passed=[], violated=[], skipped=[], inapplicable=[], clocks=[{"rule": RULE, "at": at}], keys=[]
    )
    return found if is_older else Verdict(**found, shape=SHAPE)


def times_of(verdicts: list[Verdict], cutoff: datetime) -> Times:
    counts = QualityCounts()
    for each in verdicts:
        counts.add(each, 1)
    return counted_of(stored(counts)).times(RULE, cutoff)


@given(st.lists(MOMENTS, max_size=30), CUTOFFS)
def test_whole_slots_and_the_rest_of_one_are_all_users_before(moments: list[datetime], cutoff: datetime) -> None:
    # Beside the cut-off too: its own slot, its neighbours, and its day in other months and years.
    beside = [timedelta(seconds=1), timedelta(minutes=15), timedelta(days=31), timedelta(days=365)]
    moments = [*moments, cutoff, *(cutoff - each for each in beside), *(cutoff + each for each in beside)]

    times = times_of([verdict(at) for at in moments], cutoff)

    assert times.is_by_slot(cutoff)
    rest = sum(slot_start(cutoff) <= at < cutoff for at in moments)
    assert times.before_slot(cutoff) + rest == sum(at < cutoff for at in moments)


@given(st.lists(st.tuples(MOMENTS, st.booleans()), max_size=30), CUTOFFS)
def test_days_before_count_older_verdicts_too(found: list[tuple[datetime, bool]], cutoff: datetime) -> None:
    """An upgrade judges users one after another; the report is right meanwhile."""
    times = times_of([verdict(at, is_older=is_older) for at, is_older in found], cutoff)

    assert times.before_day(cutoff) == sum(at.date() < cutoff.date() for at, _ in found)
    assert times.is_by_slot(cutoff) is not any(is_older and at.year == cutoff.year for at, is_older in found)


def test_time_of_a_wrong_clock_makes_no_document_of_a_month() -> None:
    counts = QualityCounts()
    counts.add(verdict(datetime.fromisoformat("2201-01-01")), 1)
    counts.add(verdict(datetime.fromisoformat("1899-12-31")), 1)

    assert sorted(counts.increments()) == ["days:old@1:1899", "days:old@1:2201", "totals"]


def test_counters_of_an_older_release_get_their_years() -> None:
    documents = [
        {"_id": "totals", "users": 7, "rules": {}},
        {"_id": "days:old@1:2025", "days": {"1230": 1, "1231": 2}},
        {"_id": "days:old:x@1:2026", "days": {"0101": 4}},
        {"_id": "times:old@1:2025-12", "days": {"31": 8}, "slots": {"31": {"00": 8}}},
        {"_id": "kept", "rules": {}},
    ]

    assert counted_of(documents).years == {"old@1": {"2025": 11}, "old:x@1": {"2026": 4}}


def test_kept_years_are_not_added_up_again() -> None:
    """A report reads one month of a rule only."""
    documents = [
        {"_id": "totals", "users": 3, "years": {"old@1": {"2024": 2, "2025": 3}}},
        {"_id": "days:old@1:2025", "days": {"1230": 1, "1231": 2}},
    ]
    cutoff = datetime.fromisoformat("2025-12-31")

    assert counted_of(documents).times("old@1", cutoff).before_day(cutoff) == 3
