"""What is kept of a record that could not be loaded, at the bounds of a document and of a bulk write."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.errors import FieldError
from docustore.etl.quarantine import MAX_KEPT_ERRORS, Rejected, _bounded, _upsert, count_reasons, kept_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MAX_KEPT = 8_000_000
HEAD = 65_536


def rejected(raw: bytes, *errors: FieldError) -> Rejected:
    return Rejected(raw=raw, position=7, errors=errors)


def error(pointer: str, code: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail="")


def upsert(raw: bytes) -> Any:
    return _upsert(kept_of(rejected(raw)), source="crm", run_id="r", now=NOW, observed_at=NOW)


def stored(raw: bytes) -> dict[str, Any]:
    [stage] = upsert(raw)._doc
    return dict(stage["$set"])


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([0], [1]),
        ([MAX_KEPT, MAX_KEPT], [2]),
        ([MAX_KEPT, MAX_KEPT - 1, 2], [2, 1]),
        ([MAX_KEPT, MAX_KEPT, MAX_KEPT, MAX_KEPT, 1], [2, 2, 1]),
        ([MAX_KEPT + 5, MAX_KEPT + 5], [2]),
        # Only the heads of these two are kept, so there is room for another record.
        ([MAX_KEPT + 5, MAX_KEPT + 5, MAX_KEPT], [3]),
        ([1] * 100, [100]),
    ],
)
def test_bulk_write_holds_16_mb_of_kept_records(sizes: list[int], batches: list[int]) -> None:
    records = [rejected(bytes(size)) for size in sizes]

    cut = list(_bounded(map(kept_of, records)))

    assert [len(batch) for batch in cut] == batches
    assert [kept.record for batch in cut for kept in batch] == records


@pytest.mark.parametrize(("size", "kept"), [(3, 3), (MAX_KEPT, MAX_KEPT), (MAX_KEPT + 1, HEAD)])
def test_head_is_kept_of_a_record_above_8_mb(size: int, kept: int) -> None:
    values = stored(b"x" * size)

    assert values["raw"] == {"$literal": "x" * kept}
    assert (values["raw_bytes"], values["omitted_bytes"]) == (size, size - kept)


def test_size_of_the_stored_text_counts() -> None:
    """Bytes that are not UTF-8 take four characters each: 5 MB became 20 MB, and the run failed."""
    values = stored(b"\xff" * 5_000_000)

    assert values["raw"] == {"$literal": "\\xff" * HEAD}
    assert (values["raw_bytes"], values["omitted_bytes"]) == (5_000_000, 5_000_000 - HEAD)


@pytest.mark.parametrize("padding", [0, MAX_KEPT])
def test_secrets_are_not_stored(padding: int) -> None:
    values = stored(b'{"id": 1, "password_hash": "hunter2", "x": "%s"}' % (b"x" * padding))

    assert "hunter2" not in values["raw"]["$literal"]
    assert '"password_hash":' in values["raw"]["$literal"]


def test_masks_count_in_the_size() -> None:
    """A mask is longer than a short secret."""
    raw = b"[" + b",".join([b'{"pw":1}'] * (MAX_KEPT // 9)) + b"]"

    assert len(raw) < MAX_KEPT
    assert stored(raw)["omitted_bytes"] == len(raw) - HEAD


def test_number_of_stored_errors_is_limited() -> None:
    record = rejected(b"{}", *[error(f"/tags/{number}", "too_long") for number in range(1000)])

    [stage] = _upsert(kept_of(record), source="crm", run_id="r", now=NOW, observed_at=NOW)._doc  # type: ignore[misc]

    assert len(stage["$set"]["errors"]["$literal"]) == MAX_KEPT_ERRORS


def test_record_seen_again_is_counted_up() -> None:
    values = stored(b"{}")

    assert values["seen"] == {"$add": [{"$ifNull": ["$seen", 0]}, 1]}
    assert values["first_seen_at"] == {"$ifNull": ["$first_seen_at", NOW]}
    assert values["last_seen_at"] == NOW


def test_record_is_found_again_by_its_digest() -> None:
    """The digest is the key of stored records: with another one each would be kept twice."""
    operation = upsert(b'{"id": 1}')

    assert operation._filter == {"source": "crm", "fingerprint": "8ba252f5d4314ab66fe939179ab6dbc3"}
    assert operation._upsert is True


def test_record_counts_once_for_each_of_its_reasons() -> None:
    records = [
        rejected(b"", error("/email", "missing"), error("/email", "missing"), error("/roles", "too_many")),
        rejected(b"", error("/email", "missing")),
        rejected(b"", error("", "not_utf8")),
    ]

    assert count_reasons(records) == {"/email missing": 2, "/roles too_many": 1, "/ not_utf8": 1}
