"""The identities of a user as the API shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from docustore.users.identities_view import identities_of

AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def entry(key: str, at: datetime, **more: Any) -> dict[str, Any]:
    return {"key": key, "modified_at": at, "hash": key, "values": {"email": "a@example.org"}, **more}


def test_record_and_its_edit() -> None:
    user = {"_id": "u", "identities": [entry("local:crm:4:2", LATER), entry("crm:4:2", AT)]}

    record, edit = identities_of(user)

    assert (record.kind, record.source, record.external_id, record.is_winner) == ("upstream", "crm", "4:2", False)
    assert (edit.kind, edit.source, edit.external_id, edit.is_winner) == ("edit", "crm", "4:2", True)
    assert (record.modified_at, edit.modified_at) == (AT, LATER)


def test_ended_record_says_when() -> None:
    ended, live = identities_of(
        {"_id": "u", "identities": [entry("crm:1", AT, deleted_at=LATER), entry("hr:1", AT)]}
    )

    assert (ended.ended_at, ended.is_winner) == (LATER, False)
    assert (live.ended_at, live.is_winner) == (None, True)


def test_newer_record_after_an_end_lives() -> None:
    [only] = identities_of({"_id": "u", "identities": [entry("crm:1", LATER, deleted_at=AT)]})

    assert only.ended_at is None


def test_user_without_a_source_is_local() -> None:
    """Also one of another client, which has no identity at all."""
    [own] = identities_of({"_id": "u", "identities": [entry("local:u", AT)]})
    [foreign] = identities_of({"_id": "u", "updated_at": AT})

    assert (own.kind, own.source, own.external_id, own.is_winner) == ("local", "local", "u", True)
    assert (foreign.kind, foreign.modified_at) == ("local", AT)
