"""The first records of a source, with everything that is wrong with them."""

import json
from pathlib import Path
from typing import Any

from docustore.config import Settings
from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.preview import PreviewedRecord, preview, unread_keys
from docustore.source_settings import SourceSettings

MAP = {"id": "Nr", "email": "Mail", "modified_at": {"from": "Stand", "format": "%d.%m.%Y"}, "location": "Ort"}


def write(path: Path, lines: tuple[str, ...]) -> None:
    path.write_text("\n".join(lines))


async def previewed(path: Path, *lines: str, limit: int = 10, **fields: Any) -> list[PreviewedRecord]:
    write(path, lines)
    source = SourceSettings(kind="file", url=str(path), required=("email",), **fields)
    return await preview("hr", source, Settings(), limit=limit)


async def test_record_is_shown_raw_and_mapped(tmp_path: Path) -> None:
    [record] = await previewed(
        tmp_path / "a.csv", "Nr,Mail,Stand,Ort,Passwort,Abteilung", "7,Ada@X.org,31.01.2026,Ulm,hunter2,B", map=MAP
    )

    assert (record.number, record.key, record.errors) == (1, "hr:7", ())
    assert json.loads(record.raw)["Passwort"] == "***"
    assert record.mapped is not None
    assert (record.mapped["email"], record.mapped["profile"]["location"]) == ("ada@x.org", "Ulm")
    assert record.mapped["modified_at"] == "2026-01-31T00:00:00Z"
    assert (record.warnings, record.unread) == (("time_without_zone",), ["Passwort", "Abteilung"])


async def test_every_error_is_shown(tmp_path: Path) -> None:
    rows = ["7,nobody,2026,Ulm", "8,b@x.org", "9,c@x.org,31.01.2026,Ulm"]

    wrong, narrow, good = await previewed(tmp_path / "a.csv", "Nr,Mail,Stand,Ort", *rows, map=MAP)

    assert (wrong.key, [error.pointer for error in wrong.errors]) == ("hr:7", ["/modified_at", "/email"])
    assert wrong.mapped is not None
    assert wrong.mapped["email"] == "nobody"
    assert ([error.code for error in narrow.errors], narrow.mapped) == (["field_count"], None)
    assert good.errors == ()


async def test_tombstone_and_broken_text_are_shown(tmp_path: Path) -> None:
    gone, broken = await previewed(tmp_path / "a.ndjson", '{"id": 1, "deleted": true}', '{"id": ')

    assert (gone.is_tombstone, gone.mapped) == (True, {"deleted": True})
    assert [error.code for error in broken.errors] == ["json_malformed"]


async def test_only_the_first_records_are_read(tmp_path: Path) -> None:
    lines = [json.dumps({"id": number, "email": f"u{number}@x.org"}) for number in range(9)]

    found = await previewed(tmp_path / "a.ndjson", *lines, limit=3)

    assert [record.key for record in found] == ["hr:0", "hr:1", "hr:2"]


def test_unread_keys() -> None:
    record = {"id": 1, "shoe": 2, "profile": {"bio": "b", "hat": 3, "location": "x"}, "Mail": "m", "email": "e"}
    source = SourceSettings.model_validate(
        {"kind": "file", "url": "a", "map": {"email": "Mail", "profile.location": "City"}}
    )

    assert unread_keys(record, None) == ["shoe", "Mail", "profile.hat"]
    assert unread_keys(record, RecordMapping(source.map)) == ["shoe", "email", "profile.hat", "profile.location"]
    assert unread_keys(record, RecordMapping(source.map, dict)) == []
