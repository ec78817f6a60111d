"""The set of keys of a full reading."""

from docustore.etl.guards.keys import DIGEST_BYTES, KeySet, digests_of


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
