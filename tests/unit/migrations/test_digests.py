from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from docustore.migrations.m0002_digests_name_their_version import down, up
from docustore.users.fields import completed_fields
from docustore.users.versions import content_hash

OLD = "0123456789abcdef01234567"


def user(*digests: str) -> dict[str, Any]:
    return {"_id": 1, "identities": [{"key": f"crm:{n}", "hash": digest} for n, digest in enumerate(digests)]}


def test_version_is_put_before_the_digest() -> None:
    assert up(user(OLD, f"2:{OLD}", "")) == user(f"2:{OLD}", f"2:{OLD}", "")


def test_down_gives_the_digests_back() -> None:
    assert down(user(f"2:{OLD}", "")) == user(OLD, "")


@pytest.mark.parametrize(
    "found",
    [
        user(),
        user(f"2:{OLD}"),
        user(f"3:{OLD}"),
        user(f"{OLD}0"),
        {"_id": 1},
        {"_id": 1, "identities": "none"},
        {"_id": 1, "identities": [OLD, {"key": "crm:1"}, {"hash": 5}]},
    ],
)
def test_other_documents_stay(found: dict[str, Any]) -> None:
    assert up(found) is None


def test_migrated_user_is_not_migrated_twice() -> None:
    once = up(user(OLD))

    assert once is not None
    assert up(once) is None


def test_migrated_digest_is_that_of_this_version() -> None:
    """Otherwise the next full read would write every user again."""
    values = completed_fields({"email": "ada@example.org", "first_name": "Ada", "tags": ["x"]})
    # How version 1 encoded the values: the list of them, in this order.
    encoded = msgspec.json.encode(list(values.values()))
    stored = user(blake2b(encoded, digest_size=12).hexdigest())

    migrated = up(stored)

    assert migrated is not None
    assert migrated["identities"][0]["hash"] == content_hash(values)
