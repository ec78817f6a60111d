"""Show the first records of a source, as read and as they would be stored.

Nothing is written, and no run is entered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from docustore.config import Settings
from docustore.errors import FieldError
from docustore.etl.masking import masked
from docustore.etl.models import Window
from docustore.etl.records import RecordRejectedError, WireRecord, parse_object
from docustore.etl.rules import record_rules
from docustore.etl.sources.registry import open_source
from docustore.etl.sources.source import Page
from docustore.etl.transform import RecordRules, UserRecord, to_user_record
from docustore.etl.unread import unread_keys
from docustore.source_settings import SourceSettings

_RECORD_KEYS: Final = frozenset(WireRecord.__struct_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedRecord:
    """One record; secrets are masked.

    `raw` is the text as the source delivers it. `mapped` are the values that would be stored, and for a record
    with errors, what the mapping has made of it. It is None if the text is no record. `unread` are the keys that
    nothing reads.
    """

    number: int
    key: str | None
    raw: str
    mapped: dict[str, Any] | None
    is_tombstone: bool = False
    errors: tuple[FieldError, ...] = ()
    warnings: tuple[str, ...] = ()
    unread: list[str] = field(default_factory=list)


async def preview(name: str, source: SourceSettings, settings: Settings, *, limit: int) -> list[PreviewedRecord]:
    """Read and check the first records of a source.

    Raises:
        DocustoreError: The source cannot be read, or its settings are wrong.
    """
    fewer = source.model_copy(update={"page_size": min(limit, source.page_size)})
    found: list[PreviewedRecord] = []
    async with open_source(name, fewer, page_size=limit) as opened:
        rules = record_rules(name, source, settings, observed_at=await opened.clock())
        async for page in opened.pages(Window(), after=None):
            found += _previewed(page, rules)
            if len(found) >= limit:
                break
    return found[:limit]


def _previewed(page: Page, rules: RecordRules) -> list[PreviewedRecord]:
    return [
        _bad(number, raw, fault) if (fault := page.faults.get(number)) is not None else _one(number, raw, rules)
        for number, raw in enumerate(page.records, start=page.first)
    ]


def _bad(number: int, raw: bytes, *errors: FieldError) -> PreviewedRecord:
    return PreviewedRecord(number=number, key=None, raw=_text(raw), mapped=None, errors=errors)


def _one(number: int, raw: bytes, rules: RecordRules) -> PreviewedRecord:
    try:
        given = parse_object(raw)
    except RecordRejectedError as exc:
        return _bad(number, raw, *exc.errors)
    unread = unread_keys(given, rules.mapping)
    try:
        record = to_user_record(raw, rules)
    except RecordRejectedError as exc:
        mapped = given if rules.mapping is None else rules.mapping.apply(given).record
        return PreviewedRecord(
            number=number,
            key=exc.identity_key,
            raw=_text(raw),
            mapped=_masked({name: value for name, value in mapped.items() if name in _RECORD_KEYS}),
            errors=exc.errors,
            unread=unread,
        )
    return PreviewedRecord(
        number=number,
        key=record.key,
        raw=_text(raw),
        mapped=_masked(_stored(record)),
        is_tombstone=record.values is None,
        warnings=record.warnings,
        unread=unread,
    )


def _stored(record: UserRecord) -> dict[str, Any]:
    time = {} if record.is_time_observed else {"modified_at": record.modified_at}
    return {"deleted": True, **time} if record.values is None else {**record.values, **time}


def _text(raw: bytes) -> str:
    return masked(raw.decode("utf-8", errors="backslashreplace"))


def _masked(record: Mapping[str, Any]) -> dict[str, Any]:
    clean: dict[str, Any] = msgspec.json.decode(masked(msgspec.json.encode(record, enc_hook=str).decode()))
    return clean
