"""What a row does to the store: only an older user changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from docustore.exports.decide import (
    DELETED,
    TAKEN,
    ImportOutcome,
    Insertion,
    Known,
    Replacement,
    Rules,
    Update,
    decide,
)
from docustore.exports.imported import ImportedUser, StoredUser, checked
from docustore.exports.rows import Row
from docustore.users.views import user_view

NOW = datetime(2026, 5, 1, tzinfo=UTC)
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = ObjectId("6b036b42dddea18c01e9b78e")
OTHER = ObjectId("6b036b42dddea18c01e9b78f")
RULES = Rules(actor="cli:ada", now=NOW)
LATER, EARLIER = (AT + timedelta(days=1)).isoformat(), (AT - timedelta(days=1)).isoformat()


def row(**fields: Any) -> ImportedUser:
    found = checked(Row(line=1, record={"email": "ada@example.org", **fields}), ())
    assert isinstance(found, ImportedUser)
    return found


def existing(**fields: Any) -> dict[str, Any]:
    return {"_id": ID, "email": "ada@example.org", "version": 4, "updated_at": AT, "deleted_at": None} | fields


def test_new_user_keeps_id_times_and_version() -> None:
    given = row(id=str(ID), created_at=EARLIER, updated_at=LATER, version=7, roles=["admin"], first_name="Ada")

    action = decide(given, Known([]), RULES)

    assert isinstance(action, Insertion)
    view = user_view(action.document)
    assert (view.id, view.version, view.roles) == (str(ID), 7, ["admin"])
    assert (view.created_at, view.updated_at) == (AT - timedelta(days=1), AT + timedelta(days=1))
    assert action.document["updated_by"] == "cli:ada"
    assert [entry["key"] for entry in action.document["identities"]] == [f"local:{ID}"]


def test_new_user_without_times_is_of_now() -> None:
    action = decide(row(), Known([]), RULES)

    assert isinstance(action, Insertion)
    assert (action.document["created_at"], action.document["updated_at"]) == (NOW, NOW)


def test_unknown_time_is_absent() -> None:
    action = decide(row(created_at=None), Known([]), RULES)

    assert isinstance(action, Insertion)
    assert "created_at" not in action.document


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, ImportOutcome.UNCHANGED),
        ({"id": str(ID)}, ImportOutcome.UNCHANGED),
        ({"id": str(ID), "updated_at": EARLIER}, ImportOutcome.UNCHANGED),
        ({"first_name": "Ada", "updated_at": EARLIER}, ImportOutcome.STALE),
        ({"first_name": "Ada", "updated_at": AT.isoformat()}, ImportOutcome.STALE),
        ({"id": str(OTHER)}, TAKEN),
    ],
)
def test_row_that_writes_nothing(fields: dict[str, Any], outcome: Any) -> None:
    assert decide(row(**fields), Known([existing()]), RULES) == outcome


@pytest.mark.parametrize("fields", [{}, {"updated_at": LATER}, {"id": str(ID), "email": "new@example.org"}])
def test_newer_row_changes_the_user(fields: dict[str, Any]) -> None:
    action = decide(row(first_name="Ada", **fields), Known([existing()]), RULES)

    assert isinstance(action, Update)
    assert action.guard == {"_id": ID, "version": 4, "deleted_at": None}
    assert action.fields["first_name"] == "Ada"
    assert (action.fields["version"], action.fields["updated_by"]) == (5, "cli:ada")
    assert action.fields["cause"] == {"actor": "cli:ada", "reason": "import"}


def test_overwriting_row_changes_a_newer_user() -> None:
    rules = Rules(actor="cli:ada", now=NOW, is_overwriting=True)

    action = decide(row(first_name="Ada", updated_at=EARLIER), Known([existing()]), rules)

    assert isinstance(action, Update)


def test_address_of_another_user_is_taken() -> None:
    other = existing(_id=OTHER, email="new@example.org")

    action = decide(row(id=str(ID), email="new@example.org"), Known([existing(), other]), RULES)

    assert action == TAKEN


def test_deleted_user_stays_deleted() -> None:
    known = Known([existing(deleted_at=AT)])

    assert decide(row(id=str(ID), updated_at=EARLIER), known, RULES) is ImportOutcome.STALE
    assert decide(row(id=str(ID)), known, RULES) == DELETED


def test_address_of_a_deleted_user_is_free() -> None:
    assert isinstance(decide(row(), Known([existing(deleted_at=AT)]), RULES), Insertion)


def whole(**fields: Any) -> StoredUser:
    return StoredUser(line=1, document=existing(**fields))


def test_stored_row_is_inserted_as_it_is() -> None:
    action = decide(whole(custom={"a": 1}), Known([]), RULES)

    assert action == Insertion(document=existing(custom={"a": 1}))


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"version": 1, "updated_at": AT - timedelta(days=1), "updated_by": "etl:crm"}, ImportOutcome.UNCHANGED),
        ({"first_name": "Ada", "updated_at": AT - timedelta(days=1)}, ImportOutcome.STALE),
    ],
)
def test_stored_row_that_writes_nothing(fields: dict[str, Any], outcome: ImportOutcome) -> None:
    assert decide(whole(**fields), Known([existing()]), RULES) is outcome


def test_stored_row_compares_types() -> None:
    """1 is not true."""
    known = Known([existing(flag=True)])

    assert isinstance(decide(whole(flag=1, updated_at=AT + timedelta(days=1)), known, RULES), Replacement)


def test_replacement_has_a_new_version() -> None:
    newer = whole(first_name="Ada", updated_at=AT + timedelta(days=1), version=2)

    action = decide(newer, Known([existing()]), RULES)

    assert isinstance(action, Replacement)
    assert action.guard == {"_id": ID, "version": 4}
    assert (action.document["version"], action.document["first_name"]) == (5, "Ada")


def test_stored_row_does_not_take_an_address() -> None:
    other = existing(_id=OTHER)

    assert decide(whole(), Known([other]), RULES) == TAKEN
