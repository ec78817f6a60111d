"""Keyset cursors: where a page ended, as an opaque word that fits one query only. Pure.

A cursor is bound to what it was made for (the route, the sort and the filters): its check digits cover both, so
one that was cut, edited, or carried over to another query is refused instead of answering wrongly. The check is
no secret; a cursor grants nothing that its bearer may not read anyway.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

from docustore.errors import FieldError, InvalidQueryError

CHECK_BYTES: Final = 9
MAX_CURSOR_CHARS: Final = 512
CURSOR_INVALID: Final = FieldError(
    pointer="/cursor",
    code="cursor_invalid",
    detail="use the next_cursor of a page with the same sort and filters, or leave it out",
)


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page: its sort value (None = the row has none) and its id as text."""

    at: datetime | None
    id: Annotated[str, msgspec.Meta(max_length=200)]


_DECODER: Final = msgspec.json.Decoder(Position)
_ENCODER: Final = msgspec.json.Encoder()


def encode_cursor(position: Position, *, query: object) -> str:
    """Write a position as a cursor for this query.

    Args:
        query: Everything but the position that decides which rows come in which order.
    """
    payload = _ENCODER.encode(position)
    return urlsafe_b64encode(_check(payload, query) + payload).rstrip(b"=").decode()


def decode_cursor(cursor: str, *, query: object) -> Position:
    """Read a cursor that `encode_cursor` made for the same query.

    Raises:
        InvalidQueryError: It was made for another query, or it is none of ours.
    """
    position = _read(cursor, query) if len(cursor) <= MAX_CURSOR_CHARS else None
    if position is None:
        raise InvalidQueryError((CURSOR_INVALID,))
    return position


def _read(cursor: str, query: object) -> Position | None:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        check, payload = raw[:CHECK_BYTES], raw[CHECK_BYTES:]
        return _DECODER.decode(payload) if check == _check(payload, query) else None
    except (ValueError, msgspec.DecodeError):
        return None


def _check(payload: bytes, query: object) -> bytes:
    return blake2b(payload, digest_size=CHECK_BYTES, key=blake2b(_ENCODER.encode(query)).digest()).digest()
