"""Read the body of one page. Pure.

The records stay the bytes that were received. Each record is parsed later, on its own. If the only fault of a page
is inside one record, such as a NaN, the page is split leniently, and the fault costs that record alone.
"""

import json
from datetime import datetime
from typing import Final

import msgspec

from docustore.etl.sources.json_array import ArrayMalformedError, split_array

_SCANNER: Final = json.JSONDecoder()


class PageMalformedError(ValueError):
    """A body that is not a page; the message says what it is."""


class WirePage(msgspec.Struct, frozen=True):
    """One page: records as bytes, and the next cursor and the time if present."""

    users: list[bytes]
    next_cursor: str | None
    server_time: datetime | None


class _Body(msgspec.Struct):
    users: list[msgspec.Raw] | None = None
    next_cursor: str | int | None = None
    server_time: datetime | None = None


_decoder: Final = msgspec.json.Decoder(_Body)


def parse_page(body: bytes, content_type: str) -> WirePage:
    """Parse the body of a successful answer.

    Raises:
        PageMalformedError: HTML, another JSON shape, or JSON that cannot be split into records.
    """
    start = body.lstrip()[:1]
    if start == b"<" or "html" in content_type:
        raise PageMalformedError("answered with an HTML page instead of JSON, perhaps a login or proxy page")
    try:
        parsed = _decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise PageMalformedError(f"answered with JSON of another shape: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return _split_leniently(body, exc)
    if parsed.users is None:
        raise PageMalformedError('answered without the key "users"')
    return _page([bytes(user) for user in parsed.users], parsed.next_cursor, parsed.server_time)


def _split_leniently(body: bytes, cause: Exception) -> WirePage:
    text = body.decode("utf-8", errors="surrogateescape")
    try:
        envelope = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise PageMalformedError(f"answered with broken JSON: {cause}") from cause
    if not isinstance(envelope, dict) or not isinstance(envelope.get("users"), list):
        raise PageMalformedError('answered without the key "users"') from cause
    array = text[_start_of_users(text) :]
    try:
        users = [
            element.encode(errors="surrogateescape")
            for element in split_array(iter([array]), max_element_chars=len(array))
        ]
    except ArrayMalformedError as exc:
        raise PageMalformedError(f"answered with broken JSON: {exc}") from exc
    cursor, server_time = envelope.get("next_cursor"), envelope.get("server_time")
    try:
        return _page(users, cursor, msgspec.convert(server_time, datetime | None))
    except msgspec.ValidationError as exc:
        raise PageMalformedError(f"answered with JSON of another shape: {exc}") from exc


def _start_of_users(text: str) -> int:
    """Find the start of the array of the top-level key `users`."""
    at = text.index("{") + 1
    while True:
        key, at = _SCANNER.raw_decode(text, _skip(text, at))
        at = _skip(text, at)
        if key == "users":
            return at
        _, at = _SCANNER.raw_decode(text, at)


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n,:":
        at += 1
    return at


def _page(users: list[bytes], cursor: str | int | None, server_time: datetime | None) -> WirePage:
    if server_time is not None and server_time.tzinfo is None:
        raise PageMalformedError("server_time has no time zone")
    return WirePage(users, None if cursor is None or cursor == "" else str(cursor), server_time)
