"""What changed between two images of a user, and rows that fit into a document. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from docustore.history.models import EXTERNAL_SOURCE, FieldChange, HistoryRow

# Bookkeeping: derived from other fields, or moving with every write. The whole of it stands in `after`.
BOOKKEEPING: Final = frozenset(
    {
        "_id",
        "identities",
        "local_roles",
        "search_terms",
        "updated_at",
        "updated_by",
        "version",
        "schema_version",
        "password_hash",
    }
)
# The server's limit for a stored document, less room for the few fields added after the check.
MAX_ROW_BYTES: Final = 16 * 1024 * 1024 - 4096
# What a shrunken `after` may hold: enough for every field docustore knows, far from the limit.
SHRUNKEN_AFTER_BYTES: Final = 8 * 1024 * 1024
LARGE_VALUE_BYTES: Final = 64 * 1024
# Images are written by anybody: a date of year 20000 or broken UTF-8 must not stop the stream. Times come naive,
# in UTC: they are stored again or compared with each other, and an aware one takes three times as long to make.
IMAGE_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
_ABSENT: Final = object()

Image = Mapping[str, Any]


def changed_fields(before: Image | None, after: Image | None) -> dict[str, FieldChange]:
    """List the fields that differ, less bookkeeping.

    Shape: `{"status": {"before": "active", "after": "inactive"}}`, in the order of `after`, then what only
    `before` has. Empty where there is no `before`: `after` says everything then. Where there is no `after`,
    every field with what it was.
    """
    if before is None:
        return {}
    if after is None:
        return {name: {"before": value} for name, value in before.items() if name not in BOOKKEEPING}
    changes: dict[str, FieldChange] = {}
    for name, value in after.items():
        if name not in BOOKKEEPING and (previous := before.get(name, _ABSENT)) != value:
            changes[name] = _change(previous, value)
    if not before.keys() <= after.keys():
        gone = (name for name in before if name not in after and name not in BOOKKEEPING)
        changes |= {name: {"before": before[name]} for name in gone}
    return changes


def source_of(before: Image | None, after: Image | None) -> str:
    """Name who wrote a change: the `updated_by` of a write that moved `version` on, else `external`.

    Clients that know nothing of docustore leave `updated_by` as the last writer set it; that the version stood
    still gives them away.
    """
    if after is None:
        return EXTERNAL_SOURCE
    writer = after.get("updated_by")
    if not isinstance(writer, str) or (before is not None and before.get("version") == after.get("version")):
        return EXTERNAL_SOURCE
    return writer


def fitted(row: HistoryRow) -> HistoryRow:
    """Return the row, or one that the server can store: large values left out and named.

    First the doubled values in `changes` go, then the largest fields of `after`. A user of 16 MB must not stop
    the stream, nor vanish from history.
    """
    if _size(row) <= MAX_ROW_BYTES:
        return row
    changes = {name: _shrunken(change) for name, change in row["changes"].items()}
    slim: HistoryRow = {**row, "changes": changes}
    if _size(slim) <= MAX_ROW_BYTES:
        return slim
    after, omitted = _smallest_fields(row["after"] or {})
    return {**slim, "after": after, "omitted": omitted}


def _change(previous: Any, value: Any) -> FieldChange:
    if previous is _ABSENT:
        return {"after": value}
    if isinstance(previous, dict) and isinstance(value, dict):
        return {"before": _differing(previous, value), "after": _differing(value, previous)}
    return {"before": previous, "after": value}


def _differing(document: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Keep what `other` has not, or has differently, to any depth."""
    kept = {}
    for name, value in document.items():
        opposite = other.get(name, _ABSENT)
        if isinstance(value, dict) and isinstance(opposite, dict):
            if nested := _differing(value, opposite):
                kept[name] = nested
        elif value != opposite:
            kept[name] = value
    return kept


def _size(document: Mapping[str, Any]) -> int:
    return len(bson.encode(document))


def _shrunken(change: FieldChange) -> FieldChange:
    return {"omitted": True} if _size(change) > LARGE_VALUE_BYTES else change


def _smallest_fields(after: Image) -> tuple[dict[str, Any], list[str]]:
    plain = bson.decode(after.raw, IMAGE_CODEC) if isinstance(after, RawBSONDocument) else dict(after)
    sizes = {name: _size({name: value}) for name, value in plain.items()}
    kept: set[str] = set()
    total = 0
    for name in sorted(sizes, key=sizes.__getitem__):
        total += sizes[name]
        if total > SHRUNKEN_AFTER_BYTES:
            break
        kept.add(name)
    return {n: v for n, v in plain.items() if n in kept}, [n for n in plain if n not in kept]
