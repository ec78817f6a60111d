"""Digests of version 2 become those of version 3, and back."""

from copy import deepcopy
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from docustore.migrations.m0005_digests_are_ordered import down, up
from docustore.users.fields import HASH_VERSION, completed_fields
from docustore.users.versions import content_hash

REGISTERED = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)


def values(**fields: Any) -> dict[str, Any]:
    return completed_fields({"email": "ada@example.org", "first_name": "Ada", "roles": ["a"], **fields})


def second(values: dict[str, Any]) -> str:
    """Compute a digest as version 2 did."""
    return "2:" + blake2b(msgspec.json.encode(list(values.values())), digest_size=12).hexdigest()


def user(**fields: Any) -> dict[str, Any]:
    of_record = values(**fields)
    entry = {"key": "crm:1", "modified_at": REGISTERED, "hash": second(of_record)}
    return {"_id": 1, **of_record, "local_roles": [], "identities": [entry]}


@pytest.mark.parametrize("created_at", [REGISTERED, None])
def test_digest_is_that_of_this_version(created_at: datetime | None) -> None:
    """Otherwise the next full read would write every user again.

    A user has a registration, also if its source gives none.
    """
    assert HASH_VERSION == 3
    stored = {**user(created_at=created_at, tags=["x"]), "created_at": REGISTERED}

    migrated = up(stored)

    assert migrated is not None
    assert migrated["identities"][0]["hash"] == content_hash(values(created_at=created_at, tags=["x"]))
    assert down(migrated) == stored


def test_local_roles_are_no_part_of_a_digest() -> None:
    stored = {**user(), "roles": ["a", "auditor"], "local_roles": ["auditor"]}

    migrated = up(stored)

    assert migrated is not None
    assert migrated["identities"][0]["hash"] == content_hash(values())


def test_identity_with_values_has_its_own_digest() -> None:
    stored = user()
    other = values(first_name="Other", created_at=REGISTERED)
    stored["identities"].append({"key": "hr:1", "hash": second(other), "values": other})

    migrated = up(stored)

    assert migrated is not None
    assert [entry["hash"] for entry in migrated["identities"]] == [content_hash(values()), content_hash(other)]
    assert down(migrated) == stored


@pytest.mark.parametrize(
    "changed",
    [
        {"first_name": "another value than the digest's"},
        {"identities": "none"},
        {"identities": [5, {"key": "crm:1"}, {"hash": 5}, {"hash": "2:" + "0" * 24}]},
        {"profile": 5},
        {"roles": None},
    ],
)
def test_other_documents_stay(changed: dict[str, Any]) -> None:
    stored = {**user(), **changed}
    before = deepcopy(stored)

    assert up(stored) is None
    assert stored == before
