"""Ties and defaults of identities: which one speaks for a user, and what a user of another client counts for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docustore.users.fields import completed_fields
from docustore.users.identities import derive, is_ended, values_of, winner_of, with_values

AT = datetime(2026, 1, 2, tzinfo=UTC)
MS = timedelta(milliseconds=1)
VALUES: dict[str, Any] = completed_fields(
    {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"}
)


def identity(key: str, at: datetime, *, ended_at: datetime | None = None, **values: Any) -> Any:
    entry = {"key": key, "modified_at": at, "hash": key, "values": {**VALUES, **values}}
    return entry if ended_at is None else {**entry, "deleted_at": ended_at}


@pytest.mark.parametrize(
    ("ended_at", "is_expected"), [(AT - MS, False), (AT, True), (AT + MS, True), (None, False)]
)
def test_identity_has_ended_when_its_end_is_not_older(ended_at: datetime | None, *, is_expected: bool) -> None:
    """A tombstone of the same instant as the record wins, whichever comes first."""
    assert is_ended(identity("crm:1", AT, ended_at=ended_at)) is is_expected


@pytest.mark.parametrize(
    ("edited_at", "status"), [(AT - MS, "inactive"), (AT, "inactive"), (AT + MS, "suspended")]
)
def test_edit_keeps_a_user_alive_only_after_its_last_end(edited_at: datetime, status: str) -> None:
    ended = identity("crm:1", AT - MS, ended_at=AT)
    edited = identity("local:1", edited_at, status="suspended")

    assert derive([ended, edited], user=None)["status"] == status


@pytest.mark.parametrize("edited_at", [AT - MS, AT + MS])
def test_edit_counts_beside_a_living_identity(edited_at: datetime) -> None:
    """By its time alone: an end of another identity takes nothing from it."""
    entries = [
        identity("crm:1", AT, first_name="Living"),
        identity("hr:1", AT - 9 * MS, ended_at=AT + 9 * MS),
        identity("local:1", edited_at, first_name="Edited"),
    ]

    winner = winner_of(entries)

    assert winner["key"] == ("local:1" if edited_at > AT else "crm:1")


def test_user_made_here_alone_is_alive() -> None:
    entries = [identity("local:1", AT), identity("local:2", AT + MS, first_name="Augusta")]

    fields = derive(entries, user=None)

    assert (fields["status"], fields["first_name"]) == ("active", "Augusta")


@pytest.mark.parametrize("newest", [0, 1, 2])
def test_newest_identity_wins_wherever_it_stands(newest: int) -> None:
    entries = [identity(f"crm:{n}", AT + MS if n == newest else AT) for n in range(3)]

    assert winner_of(entries) is entries[newest]
    assert winner_of(entries[newest:][:1]) is entries[newest]
    assert winner_of(entries[:2])["key"] == f"crm:{newest if newest < 2 else 1}"


def test_values_are_kept_with_identities_that_differ_from_the_user() -> None:
    """A lone identity's values are the user's own fields, unless its end has made them differ."""
    lone = derive([identity("crm:1", AT)], user=None)["identities"]
    ended = derive([identity("crm:1", AT, ended_at=AT)], user=None)["identities"]
    two = derive([identity("crm:2", AT), identity("crm:1", AT)], user=None)["identities"]

    assert ["values" in entry for entry in lone] == [False]
    assert ["values" in entry for entry in ended] == [True]
    assert [(entry["key"], "values" in entry) for entry in two] == [("crm:1", True), ("crm:2", True)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"updated_at": AT, "created_at": AT - MS}, AT),
        ({"updated_at": AT}, AT),
        ({"created_at": AT}, AT),
        ({}, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_user_of_another_client_counts_as_written_when_last_updated(
    times: dict[str, datetime], expected: datetime
) -> None:
    [entry] = with_values({"_id": 7, "email": "ada@example.org", **times})

    assert (entry["key"], entry["modified_at"]) == ("local:7", expected)


def test_fields_of_another_client_are_completed() -> None:
    user = {**VALUES, "status": "suspended", "profile": {"bio": "x"}, "roles": ["a", "b"], "tags": ["t"]}

    values = values_of({**user, "local_roles": ["b"]})

    assert values == {**user, "roles": ["a"], "profile": {**VALUES["profile"], "bio": "x"}}
    assert dict(values_of({})) == VALUES | dict.fromkeys(("email", "first_name", "last_name"), "")


@pytest.mark.parametrize(
    ("keys", "expected"), [(["crm:1", "hr:1"], AT - MS), (["crm:1"], AT), (["crm:1", "local:1"], None)]
)
def test_registration_is_the_earliest_that_a_source_gives(keys: list[str], expected: datetime | None) -> None:
    """A user changed here keeps its own."""
    given = {"crm:1": AT, "hr:1": AT - MS, "local:1": AT - 9 * MS}

    fields = derive([identity(key, AT, created_at=given[key]) for key in keys], user=None)

    assert fields.get("created_at") == expected
