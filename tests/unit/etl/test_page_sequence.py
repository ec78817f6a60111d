"""Pages that would never end, or that skip records, are noticed."""

from collections.abc import Sequence

import pytest

from docustore.etl.sources.http_page import WirePage
from docustore.etl.sources.page_errors import PageMalformedError
from docustore.etl.sources.page_sequence import MAX_EMPTY_PAGES, PageSequence

# Records on the page, next cursor, total.
Shape = tuple[int, str | None, int | None]


def add_all(shapes: Sequence[Shape], *, start: str = "", delivered: int = 0) -> None:
    sequence = PageSequence(start)
    for number, (records, cursor, total) in enumerate(shapes):
        users = [f"{number}-{record}".encode() for record in range(records)]
        delivered += records
        sequence.add(WirePage(users, cursor, None, total), delivered=delivered)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, "a", None), (0, "b", None), (2, None, None)],
        [(0, str(number), None) for number in range(1, MAX_EMPTY_PAGES)],
        [(0, f"a{number}", None) for number in range(MAX_EMPTY_PAGES - 1)] + [(1, "b", None), (0, None, None)],
        [(0, f"a{number}", None) for number in range(MAX_EMPTY_PAGES - 1)] + [(0, None, None)],
        [(2, "2", 4), (2, None, 4)],
        # Records were added meanwhile.
        [(2, "2", 4), (2, "4", 5), (1, None, 5)],
        [(2, "2", 4), (3, None, 4)],
        # A cursor that names a record skips none when others leave the window.
        [(2, "u-17", 4), (1, None, 3)],
        [(2, "17", 4), (1, "93", 3), (1, None, 3)],
        # Some services state the number of all records, also of those outside the window.
        [(2, "2", 99), (1, None, 99)],
    ],
)
def test_normal_sequences_pass(shapes: list[Shape]) -> None:
    add_all(shapes)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ([(0, f"a{number}", None) for number in range(MAX_EMPTY_PAGES)], "empty pages"),
        ([(1, "a", None), (1, "b", None), (1, "a", None)], "came twice"),
        ([(2, "2", 5), (2, "4", 4)], "had 5 records in all, then 4"),
        ([(2, "2", 5), (2, None, 4)], "had 5 records in all, then 4"),
        ([(2, "1", 6), (2, "2", 5)], "had 6 records in all, then 5"),
    ],
)
def test_faulty_sequences_are_refused(shapes: list[Shape], reason: str) -> None:
    with pytest.raises(PageMalformedError, match=reason):
        add_all(shapes)


def test_same_page_twice_is_refused() -> None:
    """A service that ignores the cursor sends its first page for ever."""
    sequence = PageSequence("")
    sequence.add(WirePage([b"1"], "a", None), delivered=1)

    with pytest.raises(PageMalformedError, match="same page twice"):
        sequence.add(WirePage([b"1"], "b", None), delivered=2)


def test_resumed_reading_counts_what_was_delivered_before() -> None:
    with pytest.raises(PageMalformedError, match="had 7 records"):
        add_all([(2, "6", 7), (1, None, 6)], start="4", delivered=4)
