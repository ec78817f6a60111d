"""The set of keys of a full reading."""

import pytest

from docustore.etl.guards.keys import DIGEST_BYTES, KeySet, digests_of
from docustore.etl.guards.seen import key_in


def test_set_has_exactly_the_added_keys() -> None:
    keys = KeySet()
    for start in range(0, 20_000, 1000):
        keys.add(digests_of(f"crm:{number}" for number in range(start, start + 1000)))
        assert f"crm:{start}" in keys

    found = [number for number in range(30_000) if f"crm:{number}" in keys]

    assert found == list(range(20_000))


def test_empty_set_has_nothing() -> None:
    assert "crm:1" not in KeySet()
    assert len(digests_of(["crm:1", "crm:2"])) == 2 * DIGEST_BYTES


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"id": 7, "email": "broken"}', "crm:7"),
        (b'{"id": " 7 ", "email": 5}', "crm:7"),
        (b'{"id": 0}', "crm:0"),
        (b'{"id": "", "externalId": "x"}', "crm:x"),
        (b'{"email": "Ada@Example.org ", "first_name": 5}', "crm:ada@example.org"),
        (b'{"id": true, "email": "nobody"}', None),
        (b'{"id": null}', None),
        (b"[7]", None),
        (b"{broken", None),
        (b"\xff", None),
    ],
)
def test_rejected_record_shows_its_identity(raw: bytes, key: str | None) -> None:
    """Its person is not gone upstream."""
    assert key_in(raw, "crm") == key
