"""Read the body of one page. Pure.

The records stay the bytes that were received. Each record is parsed later, on its own. If the only fault of a page
is inside one record, such as a NaN, the page is split leniently, and the fault costs that record alone.
"""

import json
import re
from datetime import datetime
from typing import Final

import msgspec

from docustore.etl.sources.json_array import ArrayMalformedError, split_array

_SCANNER: Final = json.JSONDecoder()
_CUT_WORD: Final = re.compile(r"[\w.+-]*\s*")


class PageMalformedError(ValueError):
    """A body that is not a page; the message says what it is."""


class PageTruncatedError(PageMalformedError):
    """A body that ends too early; the next answer may be whole."""


class WirePage(msgspec.Struct, frozen=True):
    """One page: records as bytes, and the next cursor, time and total if present."""

    users: list[bytes]
    next_cursor: str | None
    server_time: datetime | None
    total: int | None = None


class _Body(msgspec.Struct):
    users: list[msgspec.Raw] | None = None
    next_cursor: str | int | None = None
    server_time: datetime | None = None
    # Not checked: other services may use this name for something else.
    total: object = None


_decoder: Final = msgspec.json.Decoder(_Body)


def parse_page(body: bytes, content_type: str) -> WirePage:
    """Parse the body of a successful answer.

    Raises:
        PageTruncatedError: The JSON ends too early.
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
    return _page([bytes(user) for user in parsed.users], parsed.next_cursor, parsed.server_time, parsed.total)


def _split_leniently(body: bytes, cause: Exception) -> WirePage:
    text = body.decode("utf-8", errors="surrogateescape")
    try:
        envelope = json.loads(text)
    except json.JSONDecodeError as exc:
        error = PageTruncatedError if _is_at_end(exc) else PageMalformedError
        raise error(f"answered with broken JSON: {cause}") from cause
    except RecursionError:
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
        return _page(users, cursor, msgspec.convert(server_time, datetime | None), envelope.get("total"))
    except msgspec.ValidationError as exc:
        raise PageMalformedError(f"answered with JSON of another shape: {exc}") from exc


def _is_at_end(error: json.JSONDecodeError) -> bool:
    """Tell whether the text is correct as far as it goes."""
    # A text in quotes that is not closed is reported at its start. A word or number may be cut in the middle.
    is_page = error.doc.lstrip()[:1] in {"", "{"}
    is_cut = error.msg.startswith("Unterminated string") or _CUT_WORD.fullmatch(error.doc, error.pos) is not None
    return is_page and is_cut


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


def _page(users: list[bytes], cursor: str | int | None, server_time: datetime | None, total: object) -> WirePage:
    if server_time is not None and server_time.tzinfo is None:
        raise PageMalformedError("server_time has no time zone")
    counted = total if isinstance(total, int) and not isinstance(total, bool) else None
    return WirePage(users, None if cursor is None or cursor == "" else str(cursor), server_time, counted)
