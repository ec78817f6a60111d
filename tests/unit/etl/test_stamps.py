"""Which earlier writes a page counts as its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.etl.stamps import Stamps

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def written(at: datetime | None, by: str = "etl:crm") -> dict[str, Any]:
    return {"updated_at": at, "updated_by": by}


def test_stamps_increase_when_the_clock_does_not() -> None:
    stamps = Stamps("etl:crm", counted_until=AT + 5 * MS)

    assert [stamps.next(AT), stamps.next(AT), stamps.next(AT + 99 * MS)] == [
        AT + 6 * MS,
        AT + 7 * MS,
        AT + 99 * MS,
    ]
    assert Stamps("etl:crm").next(AT) == AT


@pytest.mark.parametrize(
    ("counted_until", "user", "is_expected"),
    [
        (None, written(AT + MS), False),
        (None, written(AT + 9 * MS), True),
        (AT, written(AT + MS), True),
        (AT, written(AT), False),
        (AT, written(AT + 8 * MS), False),
        (AT, written(AT + 9 * MS), True),
        (AT, written(AT + MS, by="api:1"), False),
        (AT, written(AT + 9 * MS, by="api:1"), False),
        (AT, written(None), False),
    ],
)
def test_write_that_no_checkpoint_counts_is_counted(
    counted_until: datetime | None, user: dict[str, Any], *, is_expected: bool
) -> None:
    """Writes of other pages of this attempt are counted by those."""
    stamps = Stamps("etl:crm", counted_until=counted_until)
    for ms in (8, 9):
        stamps.next(AT + ms * MS)

    assert stamps.counts_now("crm:1", user, stamp=AT + 9 * MS) is is_expected
    assert stamps.is_resumed is (counted_until is not None)


def test_identity_on_two_pages_is_counted_by_one() -> None:
    """The page itself may ask again, when it is stored again."""
    stamps = Stamps("etl:crm", counted_until=AT)
    pages = [stamps.next(AT + ms * MS) for ms in (8, 9)]

    assert stamps.counts_now("crm:1", written(AT + MS), stamp=pages[0])
    assert not stamps.counts_now("crm:1", written(AT + MS), stamp=pages[1])
    assert stamps.counts_now("crm:1", written(AT + MS), stamp=pages[0])
    assert stamps.counts_now("crm:2", written(AT + MS), stamp=pages[1])
