"""Turn a document of MongoDB into the bytes of a JSON object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from bson import Binary, Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from docustore.errors import FieldError
from docustore.etl.records import ID_NAMES, MODIFIED_NAMES
from docustore.etl.sources.source import BadRecord


def document_record(document: Mapping[str, Any], modified: Any, *, uses_own_id: bool = True) -> bytes | BadRecord:
    """Return a document as JSON, with an id and a time.

    These are `_id` and `modified`, unless the document has its own.
    Object ids become texts, binary values base64, and decimals numbers.
    """
    record = {name: value for name, value in document.items() if name != "_id"}
    if not uses_own_id or not any(record.get(name) is not None for name in ID_NAMES):
        record["id"] = document["_id"]
    if isinstance(modified, datetime) and not any(record.get(name) is not None for name in MODIFIED_NAMES):
        record["modified_at"] = modified
    try:
        return _encoder.encode(record)
    except (TypeError, ValueError, RecursionError) as exc:
        error = FieldError(pointer="", code="not_json", detail=f"a value of the document is no JSON: {exc}")
        return BadRecord(raw=repr(sorted(document)).encode(), error=error)


def _plain(value: Any) -> Any:
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        number = value.to_decimal()
        return number if number.is_finite() else None
    if isinstance(value, Binary):
        return bytes(value)
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, DatetimeMS):
        return int(value)
    raise TypeError(type(value).__name__)


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
