"""A dry run counts as if its earlier pages were stored."""

from typing import Any

import pytest

from docustore.etl.plan import Outcome
from docustore.etl.rehearsal import Rehearsal
from tests.unit.etl.generated import mapped

ADA = {"id": 1, "email": "ada@example.org", "modified_at": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (ADA, Outcome.UNCHANGED),
        ({**ADA, "modified_at": "2026-01-03T00:00:00Z"}, Outcome.UPDATED),
        ({**ADA, "modified_at": "2026-01-01T00:00:00Z"}, Outcome.STALE),
        ({**ADA, "id": 2}, Outcome.UPDATED),
        ({**ADA, "id": 2, "email": "bob@example.org"}, Outcome.INSERTED),
    ],
)
def test_second_page_knows_what_the_first_would_insert(second: dict[str, Any], expected: Outcome) -> None:
    rehearsal = Rehearsal()

    first = rehearsal.corrected([mapped(ADA)], [Outcome.INSERTED])

    assert (first, rehearsal.corrected([mapped(second)], [Outcome.INSERTED])) == ([Outcome.INSERTED], [expected])


@pytest.mark.parametrize("outcome", [Outcome.UPDATED, Outcome.UNCHANGED, Outcome.STALE, Outcome.DEACTIVATED])
def test_other_outcomes_stay(outcome: Outcome) -> None:
    rehearsal = Rehearsal()

    assert [rehearsal.corrected([mapped(ADA)], [outcome]) for _ in range(2)] == [[outcome]] * 2


def test_newest_version_of_three_counts() -> None:
    rehearsal = Rehearsal()
    days = [mapped({**ADA, "modified_at": f"2026-01-0{day}T00:00:00Z"}) for day in (1, 3, 2)]

    outcomes = [rehearsal.corrected([record], [Outcome.INSERTED]) for record in days]

    assert outcomes == [[Outcome.INSERTED], [Outcome.UPDATED], [Outcome.STALE]]
