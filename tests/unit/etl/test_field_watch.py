"""New fields of a source, by the mode of its settings."""

import json
from typing import Any

import pytest

from docustore.etl.guards.fields import MAX_FIELDS, SAMPLED_RECORDS, FieldWatch, fields_of
from docustore.source_options.limits import NewFields

KNOWN = ["id", "email"]


def raw(**fields: Any) -> bytes:
    return json.dumps({"id": 1, "email": "a@example.org", **fields}).encode()


def test_fields_are_named_by_their_place() -> None:
    record = raw(
        shoe=1, profile={"bio": "x", "preferences": {"theme": "dark", "deep": {"er": 1}}}, other={"in": 1}
    )

    assert list(fields_of([record, b"broken", b"[]", b"\xff"])) == [
        "id", "email", "shoe", "profile", "profile.bio", "profile.preferences", "profile.preferences.theme",
        "profile.preferences.deep", "other",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", [NewFields.EVOLVE, NewFields.WARN])
def test_unread_field_is_reported_unless_the_source_evolves(mode: NewFields) -> None:
    watch = FieldWatch(mode, known=KNOWN)

    assert watch.refused([raw(shoe=1, firstName="A", profile={"avatarUrl": "x", "pet": 1})]) == ()
    assert watch.unread == ([] if mode is NewFields.EVOLVE else ["shoe", "profile.pet"])
    assert watch.known == ["email", "firstName", "id", "profile", "profile.avatarUrl", "profile.pet", "shoe"]


def test_known_field_is_not_reported_again() -> None:
    watch = FieldWatch(NewFields.WARN, known=[*KNOWN, "shoe"])
    watch.refused([raw(shoe=1)])

    assert watch.unread == []


@pytest.mark.parametrize("name", ["shoe", "roles"])
def test_frozen_source_refuses_any_new_field(name: str) -> None:
    """A field that docustore reads changes users: it is as new as another one."""
    assert FieldWatch(NewFields.FREEZE, known=KNOWN).refused([raw(), raw(**{name: []})]) == (name,)


def test_first_run_of_a_frozen_source_sets_its_fields() -> None:
    watch = FieldWatch(NewFields.FREEZE, known=None)

    assert watch.refused([raw(shoe=1)]) == ()
    assert watch.known == ["email", "id", "shoe"]


def test_approved_fields_are_taken() -> None:
    watch = FieldWatch(NewFields.FREEZE, known=KNOWN, approved=["shoe"])

    assert watch.refused([raw(shoe=1)]) == ()
    assert watch.known == ["email", "id", "shoe"]


@pytest.mark.parametrize(("mode", "is_found"), [(NewFields.WARN, False), (NewFields.FREEZE, True)])
def test_only_a_frozen_source_is_looked_at_whole(mode: NewFields, *, is_found: bool) -> None:
    watch = FieldWatch(mode, known=KNOWN)
    watch.refused([*[raw()] * SAMPLED_RECORDS, raw(shoe=1)])

    assert watch.found == (["shoe"] if is_found else [])


def test_keys_that_are_data_are_bounded() -> None:
    watch = FieldWatch(NewFields.WARN, known=[])
    for page in range(3):
        watch.refused([raw(**{f"{page}-{number}": 1 for number in range(300)})])

    assert len(watch.known) == MAX_FIELDS


def test_mapped_keys_are_read() -> None:
    """A mapping reads the parts of a key too."""
    watch = FieldWatch(NewFields.WARN, known=KNOWN, mapped=["Dienst-Mail", "profile"])
    watch.refused([raw(**{"Dienst-Mail": "x", "profile": {"pet": 1}, "shoe": 1})])

    assert watch.unread == ["shoe"]


@pytest.mark.parametrize("name", ["Personal-Nr.", "Name.Family"])
def test_mapped_key_with_a_dot_is_read(name: str) -> None:
    watch = FieldWatch(NewFields.WARN, known=KNOWN, mapped=[name])
    watch.refused([raw(**{name: "x"})])

    assert watch.unread == []
