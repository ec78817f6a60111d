from typing import Any

import pytest

from docustore.migrations.m0002_digests_name_their_version import down, up

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
