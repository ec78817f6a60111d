"""Keyset cursors: the end of a page as an opaque string. Pure.

A cursor is valid for one query only: the route, the sort and the filters. Its checksum covers the position and the
query. A cursor that was cut, edited or sent with another query is refused; otherwise it would return wrong rows.
The checksum is no secret and no access control: a cursor gives access to no additional rows.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Final, TypeVar

import msgspec

from docustore.errors import FieldError, InvalidQueryError

# Rows of a page of the API and of the command line.
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
CHECK_BYTES: Final = 9
MAX_CURSOR_CHARS: Final = 512
CURSOR_INVALID: Final = FieldError(
    pointer="/cursor",
    code="cursor_invalid",
    detail="use the next_cursor of a page with the same sort and filters, or omit the cursor",
)


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page: its sort value and its id as text.

    `at` is None for a row without the sort value. `is_odd`: another client has stored a sort value or an id
    that this form cannot hold. Then `id` is an encoded value, and the sort value is that of the row.
    """

    at: datetime | None
    id: Annotated[str, msgspec.Meta(max_length=300)]
    is_odd: bool = False


Row = TypeVar("Row")
_DECODER: Final = msgspec.json.Decoder(Position)
_ENCODER: Final = msgspec.json.Encoder()


def encode_cursor(position: Position, *, query: object) -> str:
    """Encode a position as a cursor for this query.

    Args:
        query: Everything that determines the rows and their order: the route, the sort, the filters.
    """
    payload = _ENCODER.encode(position)
    return urlsafe_b64encode(_check(payload, query) + payload).rstrip(b"=").decode()


def decode_cursor(cursor: str, *, query: object) -> Position:
    """Decode a cursor that `encode_cursor` created for the same query.

    Raises:
        InvalidQueryError: The cursor belongs to another query, or it is malformed.
    """
    position = _read(cursor, query) if len(cursor) <= MAX_CURSOR_CHARS else None
    if position is None:
        raise InvalidQueryError((CURSOR_INVALID,))
    return position


def cut_page(
    found: list[Row], *, limit: int, position: Callable[[Row], Position], query: object
) -> tuple[list[Row], str | None]:
    """Cut rows to one page; add the cursor of the next page, None on the last page.

    Args:
        found: Up to `limit` + 1 rows: the extra row tells that there is a next page.
        position: Returns the position of a row.
        query: See `encode_cursor`.
    """
    if len(found) <= limit:
        return found, None
    page = found[:limit]
    return page, encode_cursor(position(page[-1]), query=query)


def numbered(number: int) -> Position:
    """Return the position of a row whose id is a number."""
    return Position(at=None, id=str(number))


def number_of(position: Position) -> int:
    """Return the number of a position that `numbered` has made.

    Raises:
        InvalidQueryError: It has none.
    """
    if not position.id.isdecimal():
        raise InvalidQueryError((CURSOR_INVALID,))
    return int(position.id)


def _read(cursor: str, query: object) -> Position | None:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        check, payload = raw[:CHECK_BYTES], raw[CHECK_BYTES:]
        return _DECODER.decode(payload) if check == _check(payload, query) else None
    except (ValueError, msgspec.DecodeError):
        return None


def _check(payload: bytes, query: object) -> bytes:
    return blake2b(payload, digest_size=CHECK_BYTES, key=blake2b(_ENCODER.encode(query)).digest()).digest()
