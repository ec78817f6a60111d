"""The difference of two images of a user, and rows that always fit. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument

from docustore.history.models import EXTERNAL_SOURCE, FieldChange, HistoryRow
from docustore.users.cause import CAUSE_PARTS

# Bookkeeping: derived from other fields, or changed by every write. `after` holds all of it.
BOOKKEEPING: Final = frozenset(
    {
        "_id",
        "cause",
        "identities",
        "local_roles",
        "migrated",
        "search_terms",
        "updated_at",
        "updated_by",
        "version",
        "schema_version",
        "password_hash",
    }
)
# The server's limit for a stored document, less room for the fields of a fixed size.
MAX_ROW_BYTES: Final = 16 * 1024 * 1024 - 4096
# The limit of a reduced `after`: enough for every field docustore knows, far from the limit of a row.
REDUCED_AFTER_BYTES: Final = 8 * 1024 * 1024
REDUCED_CHANGES_BYTES: Final = 4 * 1024 * 1024
# Half of the server's limit of 180 nested levels, so that a reduced row is far from it.
MAX_DEPTH: Final = 90
LARGE_VALUE_BYTES: Final = 64 * 1024
# Another client may have written a cause of megabytes; docustore's own are short.
MAX_CAUSE_CHARS: Final = 300
# Any client writes images: a date of year 20000 or broken UTF-8 must not stop the stream. Times are naive, in UTC:
# they are only stored again or compared with each other, and an aware one takes three times as long to make.
IMAGE_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
_ABSENT: Final = object()
_TEXT: Final = frozenset({str})
# For these types Python and BSON agree on equality. For containers and floats they do not: [1] equals [True], and
# NaN differs from itself.
_COMPARED_BY_PYTHON: Final = frozenset({str, int, Int64, bool, type(None), datetime, ObjectId, object})

Image = Mapping[str, Any]


def changed_fields(before: Image | None, after: Image | None) -> dict[str, FieldChange]:
    """List the fields that differ, less bookkeeping.

    Shape: `{"status": {"before": "active", "after": "inactive"}}`, in the order of `after`, then the fields that
    only `before` has. Empty without a `before`: `after` holds everything. Without an `after` it lists every field
    with its last value.
    """
    if before is None:
        return {}
    if after is None:
        return {name: {"before": value} for name, value in before.items() if name not in BOOKKEEPING}
    changes: dict[str, FieldChange] = {}
    for name, value in after.items():
        if name not in BOOKKEEPING and not same_value(previous := before.get(name, _ABSENT), value):
            changes[name] = _change(previous, value)
    if not before.keys() <= after.keys():
        gone = (name for name in before if name not in after and name not in BOOKKEEPING)
        changes |= {name: {"before": before[name]} for name in gone}
    return changes


def same_value(one: Any, other: Any) -> bool:
    """Compare by BSON value and type: 1 is not true, and NaN is NaN.

    The order of the fields of a document is part of its value.
    """
    if type(one) is not type(other):
        return False
    if type(one) in _COMPARED_BY_PYTHON:
        return bool(one == other)
    if type(one) is list and _has_only_texts(one) and _has_only_texts(other):
        return bool(one == other)
    return one is other or bson.encode({"": one}) == bson.encode({"": other})


def _has_only_texts(values: list[Any]) -> bool:
    """Tell whether Python and BSON agree on the equality of a list."""
    return _TEXT.issuperset(map(type, values))


def source_of(before: Image | None, after: Image | None) -> str:
    """Name the writer of a change: `updated_by` if the write raised `version`.

    Otherwise the writer is `external`: a client that does not know docustore leaves `updated_by` and `version` as
    they were.
    """
    if after is None:
        return EXTERNAL_SOURCE
    writer = after.get("updated_by")
    if not isinstance(writer, str) or (before is not None and before.get("version") == after.get("version")):
        return EXTERNAL_SOURCE
    return writer


def cause_of(after: Image | None, *, source: str) -> dict[str, str] | None:
    """Return the cause that the writer of a change has stored.

    None if it stored none. A process of an older version, or another client, leaves the cause of an earlier write
    in the user. Its actor is then another one than the `source` of this change.
    """
    stored = None if after is None or source == EXTERNAL_SOURCE else after.get("cause")
    if not isinstance(stored, dict) or stored.get("actor") != source:
        return None
    parts = ((name, stored.get(name)) for name in CAUSE_PARTS)
    return {name: value[:MAX_CAUSE_CHARS] for name, value in parts if isinstance(value, str)}


def fitted(row: HistoryRow) -> HistoryRow:
    """Return the row, reduced where it is too large for the server.

    First the large values in `changes` are left out, then the largest fields of `after`; both are named. A user of
    16 MB must not stop the stream, nor be absent from history. Only images and the user's id decide: equal images
    give equal rows.
    """
    if _row_size(row) <= MAX_ROW_BYTES:
        return row
    slim: HistoryRow = {**row, "changes": _reduced_changes(row["changes"])}
    if _row_size(slim) <= MAX_ROW_BYTES:
        return slim
    # Not `or`: a raw image is decoded to tell whether it is empty, and not every date can be decoded.
    after, omitted = _smallest_fields({} if row["after"] is None else row["after"])
    return {**slim, "after": after, "omitted": [*row.get("omitted", ()), *omitted]}


def reduced(row: HistoryRow) -> HistoryRow:
    """Return the row without deeply nested values.

    `omitted` names their fields. The server refuses a document that is nested too deeply. A row nests the values
    of a user by up to four levels more.
    """
    after, omitted = row["after"], list(row.get("omitted", ()))
    if after is not None:
        plain = _plain(after)
        deep = [name for name, value in plain.items() if _depth(value) > MAX_DEPTH]
        after, omitted = {n: v for n, v in plain.items() if n not in deep}, omitted + deep
    changes: dict[str, FieldChange] = {
        name: {"omitted": True} if _depth(change) > MAX_DEPTH else change
        for name, change in row["changes"].items()
    }
    return fitted({**row, "after": after, "changes": changes, "omitted": omitted})


def _depth(value: Any) -> int:
    """Measure how deep a value is nested, without recursion."""
    depth, level = 0, [value]
    while level := [
        child
        for each in level
        if isinstance(each, dict | list)
        for child in (each.values() if isinstance(each, dict) else each)
    ]:
        depth += 1
    return depth


def _change(previous: Any, value: Any) -> FieldChange:
    if previous is _ABSENT:
        return {"after": value}
    if isinstance(previous, dict) and isinstance(value, dict):
        return {"before": _differing(previous, value), "after": _differing(value, previous)}
    return {"before": previous, "after": value}


def _differing(document: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Keep the values that `other` lacks or has differently, to any depth."""
    kept = {}
    for name, value in document.items():
        opposite = other.get(name, _ABSENT)
        if isinstance(value, dict) and isinstance(opposite, dict):
            if nested := _differing(value, opposite):
                kept[name] = nested
        elif not same_value(value, opposite):
            kept[name] = value
    return kept


def _row_size(row: HistoryRow) -> int:
    """Measure the fields that hold values of the user.

    The other fields have room beyond the limit.
    """
    return _size({"user_id": row["user_id"], "changes": row["changes"], "after": row["after"]})


def _size(document: Mapping[str, Any]) -> int:
    return len(bson.encode(document))


def _reduced_changes(changes: dict[str, FieldChange]) -> dict[str, FieldChange]:
    sizes = {name: _size(change) for name, change in changes.items()}
    small = {name: size for name, size in sizes.items() if size <= LARGE_VALUE_BYTES}
    kept = _smallest(small, limit_bytes=REDUCED_CHANGES_BYTES)
    return {name: change if name in kept else {"omitted": True} for name, change in changes.items()}


def _smallest_fields(after: Image) -> tuple[dict[str, Any], list[str]]:
    plain = _plain(after)
    kept = _smallest({n: _size({n: v}) for n, v in plain.items()}, limit_bytes=REDUCED_AFTER_BYTES)
    return {n: v for n, v in plain.items() if n in kept}, [n for n in plain if n not in kept]


def _plain(after: Image) -> dict[str, Any]:
    return bson.decode(after.raw, IMAGE_CODEC) if isinstance(after, RawBSONDocument) else dict(after)


def _smallest(sizes: Mapping[str, int], *, limit_bytes: int) -> frozenset[str]:
    """Choose names by ascending size while their sum stays within the limit."""
    kept: set[str] = set()
    total = 0
    for name in sorted(sizes, key=sizes.__getitem__):
        total += sizes[name]
        if total > limit_bytes:
            break
        kept.add(name)
    return frozenset(kept)
