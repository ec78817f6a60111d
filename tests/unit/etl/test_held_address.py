"""No repetition of a plan succeeds that gives two users one address."""

from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.held_address import is_shared_within
from docustore.etl.plan import UserWrite

ADDRESS = "ada@example.org"
SPELLED = "ADA@example.org"
DELETED = {"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}


def _write(before: dict[str, Any] | None, fields: dict[str, Any] | None) -> UserWrite:
    return UserWrite(before=before, fields=fields, records=frozenset({0}))


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        # Another client has stored a second spelling; the plan normalises it.
        (_write({"_id": 1, "email": SPELLED}, {"email": ADDRESS}), _write({"_id": 2, "email": ADDRESS}, {}), True),
        (_write({"_id": 1, "email": SPELLED}, {"email": ADDRESS}), _write(None, {"email": ADDRESS}), True),
        (_write({"_id": 1, "email": ADDRESS}, {}), _write({"_id": 2, "email": SPELLED}, {}), False),
        (
            _write({"_id": 1, "email": SPELLED}, {"email": ADDRESS}),
            _write({"_id": 2, "email": ADDRESS}, None),
            False,
        ),
        (
            _write({"_id": 1, "email": SPELLED}, {"email": ADDRESS}),
            _write({"_id": 2, "email": ADDRESS, **DELETED}, {}),
            False,
        ),
    ],
)
def test_address_of_two_users(one: UserWrite, other: UserWrite, *, is_shared: bool) -> None:
    assert is_shared_within([one, other]) is is_shared
