"""Read the body of one page. Pure.

The records stay the bytes that were received. Each record is parsed later, on its own. If the only fault of a page
is inside one record, such as a NaN, the page is split leniently, and the fault costs that record alone.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from docustore.etl.sources.json_array import ArrayMalformedError, split_array
from docustore.etl.sources.key_path import Keys, keys_of, start_of, value_at
from docustore.etl.sources.page_errors import PageMalformedError, PageTruncatedError, RecordsElsewhereError
from docustore.etl.sources.records_place import records_place

_CUT_WORD: Final = re.compile(r"[\w.+-]*\s*")


@dataclass(frozen=True, slots=True)
class PageNames:
    """The paths of the parts of a page; empty records are the whole body.

    `is_setting` tells that the settings of a source can name the paths.
    """

    records: str = "users"
    cursor: str = "next_cursor"
    time: str = "server_time"
    total: str = "total"
    is_setting: bool = True


class WirePage(msgspec.Struct, frozen=True):
    """One page: records as bytes, and the next cursor, time and total if present."""

    users: list[bytes]
    next_cursor: str | None
    server_time: datetime | None
    total: int | None = None


class _Parts(NamedTuple):
    records: Any
    cursor: Any = None
    time: Any = None
    total: Any = None


DEFAULT_NAMES: Final = PageNames()
_TYPES: Final = _Parts(
    records=list[msgspec.Raw] | None,
    cursor=str | int | None,
    time=datetime | None,
    # Not checked: other services may use this name for something else.
    total=object,
)


def parse_page(body: bytes, content_type: str, names: PageNames = DEFAULT_NAMES) -> WirePage:
    """Parse the body of a successful answer.

    Raises:
        PageTruncatedError: The JSON ends too early.
        PageMalformedError: HTML, another JSON shape, or JSON that cannot be split into records.
    """
    start = body.lstrip()[:1]
    if start == b"<" or "html" in content_type:
        raise PageMalformedError("answered with an HTML page instead of JSON, perhaps a login or proxy page")
    try:
        decoded = _decoder(names).decode(body)
    except msgspec.ValidationError as exc:
        raise _of_another_shape(body, names, f"answered with JSON of another shape: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return _split_leniently(body, exc, names)
    parts = (
        _Parts(decoded) if not names.records else _Parts(*(_attribute(decoded, path) for path in _paths(names)))
    )
    if parts.records is None:
        raise _without_records(body, names)
    return _page([bytes(record) for record in parts.records], parts)


def _split_leniently(body: bytes, cause: Exception, names: PageNames) -> WirePage:
    text = body.decode("utf-8", errors="surrogateescape")
    keys = keys_of(names.records)
    try:
        envelope = json.loads(text)
    except json.JSONDecodeError as exc:
        error = PageTruncatedError if _is_at_end(exc, "{" if keys else "[") else PageMalformedError
        raise error(f"answered with broken JSON: {cause}") from cause
    except RecursionError:
        raise PageMalformedError(f"answered with broken JSON: {cause}") from cause
    if not isinstance(value_at(envelope, keys), list):
        raise _without_records(body, names) from cause
    array = text[start_of(text, keys) :]
    try:
        users = [
            element.encode(errors="surrogateescape")
            for element in split_array(iter([array]), max_element_chars=len(array))
        ]
    except ArrayMalformedError as exc:
        raise PageMalformedError(f"answered with broken JSON: {exc}") from exc
    if not keys:
        return _page(users, _Parts(users))
    parts = _Parts(*(value_at(envelope, path) if path else None for path in _paths(names)))
    try:
        return _page(users, parts._replace(time=msgspec.convert(parts.time, datetime | None)))
    except msgspec.ValidationError as exc:
        raise PageMalformedError(f"answered with JSON of another shape: {exc}") from exc


def _without_records(body: bytes, names: PageNames) -> PageMalformedError:
    problem = f'answered without the key "{names.records}"' if names.records else "answered with no array"
    return _of_another_shape(body, names, problem)


def _of_another_shape(body: bytes, names: PageNames, problem: str) -> PageMalformedError:
    place = records_place(body) if names.is_setting else None
    if place is None or place == names.records:
        return PageMalformedError(problem)
    return RecordsElsewhereError(problem, records_key=place)


def _is_at_end(error: json.JSONDecodeError, start: str) -> bool:
    """Tell whether the text is correct as far as it goes."""
    # A text in quotes that is not closed is reported at its start. A word or number may be cut in the middle.
    is_page = error.doc.lstrip()[:1] in {"", start}
    is_cut = error.msg.startswith("Unterminated string") or _CUT_WORD.fullmatch(error.doc, error.pos) is not None
    return is_page and is_cut


def _page(users: list[bytes], parts: _Parts) -> WirePage:
    if parts.time is not None and parts.time.tzinfo is None:
        raise PageMalformedError("server_time has no time zone")
    total = parts.total
    counted = total if isinstance(total, int) and not isinstance(total, bool) else None
    cursor = None if parts.cursor is None or parts.cursor == "" else str(parts.cursor)
    return WirePage(users, cursor, parts.time, counted)


def _paths(names: PageNames) -> tuple[Keys, ...]:
    return tuple(keys_of(path) for path in (names.records, names.cursor, names.time, names.total))


@cache
def _decoder(names: PageNames) -> "msgspec.json.Decoder[Any]":
    """Build a decoder that leaves the records as bytes and skips what has no name."""
    if not names.records:
        return msgspec.json.Decoder(list[msgspec.Raw])
    tree: dict[str, Any] = {}
    for path, kind in zip(_paths(names), _TYPES, strict=True):
        branch = tree
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                msg = f"{'.'.join(path)} is a part of another path"
                raise PageMalformedError(msg)
        if path:
            branch.setdefault(path[-1], kind)
    return msgspec.json.Decoder(_struct(tree))


def _struct(tree: dict[str, Any]) -> type[msgspec.Struct]:
    # A key of JSON may be no name of Python, such as `@odata.count`.
    fields = {f"f{number}": (key, branch) for number, (key, branch) in enumerate(tree.items())}
    return msgspec.defstruct(
        "Body",
        [
            (field, (_struct(branch) | None) if isinstance(branch, dict) else branch, None)
            for field, (_, branch) in fields.items()
        ],
        rename={field: key for field, (key, _) in fields.items()},
    )


def _attribute(decoded: Any, path: Keys) -> Any:
    if not path:
        return None
    for key in path:
        if decoded is None:
            return None
        names = dict(zip(decoded.__struct_encode_fields__, decoded.__struct_fields__, strict=True))
        decoded = getattr(decoded, names[key])
    return decoded
