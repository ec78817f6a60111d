"""Records whose stored digest is of an older or a newer list of fields."""

from copy import deepcopy
from typing import Any

import pytest

from docustore.etl.classify import is_known
from docustore.etl.plan import Outcome
from docustore.users.fields import HASH_VERSION
from tests.unit.etl.generated import mapped
from tests.unit.etl.memory_store import MemoryStore
from tests.unit.etl.test_classify import ADA, LATER, loaded


def downgrade(store: MemoryStore, *, without: str, hash_prefix: str = "") -> None:
    """Put the store into the state of a load before the field existed."""
    for user in store.users.values():
        user.pop(without, None)
        for entry in user["identities"]:
            entry["hash"] = hash_prefix + "0" * 24
            entry.get("values", {}).pop(without, None)


def test_record_is_written_again_for_a_new_field() -> None:
    store, _ = loaded({**ADA, "tags": ["vip"]})
    downgrade(store, without="tags")

    outcome = store.load([mapped({**ADA, "tags": ["vip"]})])

    assert outcome == [Outcome.UPDATED]
    assert store.content()[0]["tags"] == ["vip"]


def test_new_field_is_filled_in_once() -> None:
    known = {**ADA, "createdAt": "2025-01-01T00:00:00Z"}
    records = [{**known, "id": number, "email": f"u{number % 7}@example.org"} for number in range(20)]
    store = MemoryStore()
    store.load_all(map(mapped, ({**record, "tags": ["vip"]} for record in records)), 6)
    content = deepcopy(store.content())
    downgrade(store, without="tags")

    first = store.load([mapped({**record, "tags": ["vip"]}) for record in records])
    second = store.load([mapped({**record, "tags": ["vip"]}) for record in records])

    assert set(first) == {Outcome.UPDATED}
    assert set(second) == {Outcome.UNCHANGED}
    assert store.content() == content


def test_old_process_keeps_newer_writes() -> None:
    store, _ = loaded(ADA)
    downgrade(store, without="tags", hash_prefix="99:")

    assert store.load([mapped(ADA)]) == [Outcome.UNCHANGED]


def test_tombstone_is_never_a_known_record() -> None:
    store, _ = loaded(ADA)
    downgrade(store, without="tags", hash_prefix="99:")

    assert store.load([mapped({"id": 1, "deleted": True, "modified_at": ADA["modified_at"]})]) == [
        Outcome.DEACTIVATED
    ]


@pytest.mark.parametrize(
    ("record", "digest", "is_expected"),
    [
        (ADA, f"{HASH_VERSION + 1}:x", True),
        (ADA, f"{HASH_VERSION}:x", False),
        (ADA, "0" * 24, False),
        (ADA, "", False),
        ({**ADA, "deleted": True}, f"{HASH_VERSION + 1}:x", False),
        ({**ADA, **LATER}, f"{HASH_VERSION + 1}:x", False),
    ],
)
def test_version_of_a_newer_process_is_known(record: dict[str, Any], digest: str, *, is_expected: bool) -> None:
    identity = {"key": "crm:1", "modified_at": mapped(ADA).modified_at, "hash": digest}

    assert is_known(mapped(record), identity) is is_expected
