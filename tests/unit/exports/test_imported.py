"""A row is checked by the rules of the API, and every error is found."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from docustore.exports.imported import ImportedUser, Reject, StoredUser, checked
from docustore.exports.rows import Row
from docustore.migrations.registry import MIGRATIONS
from docustore.users.stored import SCHEMA_VERSION

ID = "6b036b42dddea18c01e9b78e"


def errors(**record: Any) -> list[tuple[str, str]]:
    found = checked(Row(line=7, record=record), ())
    assert isinstance(found, Reject)
    assert found.line == 7
    return [(error.pointer, error.code) for error in found.errors]


def test_row_is_a_user_with_id_times_and_version() -> None:
    record = {
        "id": ID,
        "email": " Ada@Example.ORG",
        "full_name": "ignored",
        "created_at": "2026-01-31T12:00:00Z",
        "updated_at": None,
        "version": 3,
    }

    found = checked(Row(line=1, record=record), ())

    assert isinstance(found, ImportedUser)
    assert (found.user_id, found.email, found.version) == (ObjectId(ID), "ada@example.org", 3)
    assert found.created_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert found.given == {"id", "created_at", "updated_at", "version"}


def test_time_of_parquet_is_read() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)

    found = checked(Row(line=1, record={"email": "a@example.org", "created_at": at}), ())

    assert isinstance(found, ImportedUser)
    assert found.created_at == at


def test_all_errors_of_a_row_are_listed() -> None:
    found = errors(
        id="42", email="x", status="gone", created_at="yesterday", shoe_size=1, password="secret-secret"
    )

    assert set(found) == {
        ("/id", "id_malformed"),
        ("/email", "email_malformed"),
        ("/status", "not_allowed"),
        ("/created_at", "time_malformed"),
        ("/shoe_size", "unknown_field"),
        ("/password", "unknown_field"),
    }


@pytest.mark.parametrize("version", [0, "3", True, 1.5])
def test_version_is_a_positive_number(version: Any) -> None:
    assert [pointer for pointer, _ in errors(email="a@example.org", version=version)] == ["/version"]


def stored(**fields: Any) -> Any:
    document = {"_id": 5, "email": "ada@example.org", "schema_version": SCHEMA_VERSION, "custom": 1} | fields
    return checked(Row(line=2, stored=document), MIGRATIONS)


def test_stored_user_is_taken_as_it_is() -> None:
    found = stored()

    assert isinstance(found, StoredUser)
    assert (found.user_id, found.email, found.document["custom"]) == (5, "ada@example.org", 1)


def test_deleted_user_holds_no_address() -> None:
    assert stored(deleted_at=datetime(2026, 1, 1, tzinfo=UTC)).email is None


@pytest.mark.parametrize("email", ["Ada@example.org", "nowhere", None, 5])
def test_stored_address_must_have_its_form(email: Any) -> None:
    found = checked(Row(line=2, stored={"_id": 5, "email": email, "schema_version": SCHEMA_VERSION}), ())

    assert isinstance(found, Reject)
    assert found.errors[0].code == "email_malformed"


def test_user_of_an_older_version_is_migrated() -> None:
    found = stored(email="Ada@Example.org", schema_version=2)

    assert isinstance(found, StoredUser)
    assert found.document["email"] == "ada@example.org"
    assert found.document["custom"] == 1
    assert found.document["schema_version"] == 3


def test_user_of_a_newer_version_is_refused() -> None:
    found = stored(schema_version=SCHEMA_VERSION + 1)

    assert isinstance(found, Reject)
    assert found.errors[0].code == "too_new"
