from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

import pytest

from docustore.api.pagination import Position, cut_page, decode_cursor, encode_cursor, number_of, numbered
from docustore.errors import InvalidQueryError

POSITION = Position(at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), id="6b03670836d3f4af790854b3")
QUERY = ("users", "-created_at", {"status": "active"})


@pytest.mark.parametrize("position", [POSITION, Position(at=None, id="x")])
def test_decoded_cursor_equals_its_position(position: Position) -> None:
    assert decode_cursor(encode_cursor(position, query=QUERY), query=QUERY) == position


@pytest.mark.parametrize(
    "other",
    [
        ("users", "created_at", {"status": "active"}),
        ("users", "-created_at", {"status": "inactive"}),
        ("runs", "-created_at", {"status": "active"}),
    ],
)
def test_cursor_of_another_query_is_refused(other: object) -> None:
    with pytest.raises(InvalidQueryError) as caught:
        decode_cursor(encode_cursor(POSITION, query=QUERY), query=other)

    assert caught.value.errors[0].pointer == "/cursor"


def test_every_changed_byte_is_refused() -> None:
    raw = urlsafe_b64decode(encode_cursor(POSITION, query=QUERY) + "==")
    for index in range(len(raw)):
        changed = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]

        with pytest.raises(InvalidQueryError):
            decode_cursor(urlsafe_b64encode(changed).decode().rstrip("="), query=QUERY)


@pytest.mark.parametrize("cursor", ["", "x", "💥", "a" * 10_000, "AAAA", "....", "\ud800"])
def test_malformed_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidQueryError):
        decode_cursor(cursor, query=QUERY)


def test_cursor_given_out_earlier_is_still_read() -> None:
    """Clients keep cursors across an upgrade: the form of a cursor must stay."""
    kept = "_TPMJW58Bq1cWyIyMDI2LTAxLTAyVDAzOjA0OjA1LjY3ODAwMFoiLCI2YjAzNjcwODM2ZDNmNGFmNzkwODU0YjMiXQ"

    assert decode_cursor(kept, query=QUERY) == POSITION


def test_cursor_of_512_characters_is_read() -> None:
    position = Position(at=None, id="é" * 180)
    cursor = encode_cursor(position, query=QUERY)

    assert len(cursor) == 512
    assert decode_cursor(cursor, query=QUERY) == position


def test_longer_cursor_is_refused() -> None:
    cursor = encode_cursor(Position(at=None, id="é" * 180 + "a"), query=QUERY)

    assert len(cursor) == 514
    with pytest.raises(InvalidQueryError):
        decode_cursor(cursor, query=QUERY)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_page_without_an_extra_row_is_the_last(rows: int) -> None:
    found = list(range(rows))

    assert cut_page(found, limit=2, position=numbered, query=QUERY) == (found, None)


def test_extra_row_gives_the_cursor_of_the_last_row_shown() -> None:
    page, cursor = cut_page([7, 8, 9], limit=2, position=numbered, query=QUERY)

    assert page == [7, 8]
    assert number_of(decode_cursor(cursor or "", query=QUERY)) == 8


@pytest.mark.parametrize("given", ["", "-1", "7.0", "x"])
def test_position_without_a_number_is_refused(given: str) -> None:
    with pytest.raises(InvalidQueryError):
        number_of(Position(at=None, id=given))
