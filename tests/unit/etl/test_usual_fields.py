"""Fields that most records of a source had, and that a run lacks."""

import json
from typing import Any

import pytest

from docustore.etl.guards.fields import FieldWatch
from docustore.etl.guards.usual_fields import ENOUGH_RECORDS
from docustore.source_options.limits import NewFields

PROFILE = {"bio": "B", "preferences": {"theme": "dark"}}
USUAL = ["email", "first_name", "id", "profile", "profile.bio", "profile.preferences", "profile.preferences.theme"]


def raw(**fields: Any) -> bytes:
    return json.dumps({"id": 1, "email": "a@example.org", **fields}).encode()


WHOLE = raw(first_name="A", profile=PROFILE)


def after(*records: bytes, usual: list[str] | None = None, mode: NewFields = NewFields.WARN) -> FieldWatch:
    watch = FieldWatch(mode, known=[], usual=USUAL if usual is None else usual, mapped=["Dienst-Mail"])
    for start in range(0, len(records), ENOUGH_RECORDS):
        watch.refused(records[start : start + ENOUGH_RECORDS])
    return watch


def test_fields_of_half_of_the_records_that_are_read_are_usual() -> None:
    often, seldom = raw(firstName="A", tags=[], shoe=40, lastName=None), raw(**{"Dienst-Mail": "a@example.org"})

    watch = after(*[often] * 10, *[seldom] * 10, usual=[])
    fewer = after(*[often] * 9, *[seldom] * 11, usual=[])

    assert watch.usual == ["Dienst-Mail", "email", "first_name", "id", "tags"]
    assert fewer.usual == ["Dienst-Mail", "email", "id"]


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (WHOLE, []),
        (raw(profile=PROFILE), ["first_name"]),
        (raw(first_name=None, profile=PROFILE), ["first_name"]),
        # A part is not told beside the whole.
        (raw(first_name="A"), ["profile"]),
        (raw(first_name="A", profile={"preferences": {}}), ["profile.bio", "profile.preferences.theme"]),
        # Other names of the same fields.
        (raw(firstName="A", profile={"bio": "B", "theme": "dark", "preferences": {}}), []),
    ],
)
def test_usual_field_without_a_value_is_missing(record: bytes, missing: list[str]) -> None:
    assert after(*[record] * ENOUGH_RECORDS).missing == missing


def test_one_of_a_hundred_records_does_not_hide_a_loss() -> None:
    lossy = raw(profile=PROFILE)

    found = [after(*[lossy] * (100 - whole), *[WHOLE] * whole).missing for whole in (0, 1, 2)]

    assert found == [["first_name"], ["first_name"], []]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [raw(profile=PROFILE)] * (ENOUGH_RECORDS - 1),
        # A tombstone needs no other field.
        [b'{"id": 1, "deleted": true}'] * ENOUGH_RECORDS,
        [b"broken", b"[]"] * ENOUGH_RECORDS,
    ],
)
def test_few_records_tell_nothing(records: list[bytes]) -> None:
    watch = after(*records)

    assert (watch.has_enough, watch.missing, watch.usual) == (False, [], USUAL)


def test_missing_field_stays_usual_until_it_is_back() -> None:
    lossy = after(*[raw(profile=PROFILE)] * ENOUGH_RECORDS)
    still = after(*[raw(profile=PROFILE)] * ENOUGH_RECORDS, usual=lossy.usual)
    back = after(*[WHOLE] * ENOUGH_RECORDS, usual=still.usual)

    assert (still.missing, back.missing, back.usual) == (["first_name"], [], USUAL)


def test_field_that_nothing_reads_any_more_is_forgotten() -> None:
    watch = after(*[WHOLE] * ENOUGH_RECORDS, usual=[*USUAL, "Mail"])

    assert (watch.missing, watch.usual) == ([], USUAL)


def test_source_that_evolves_misses_nothing() -> None:
    watch = after(*[raw(profile=PROFILE)] * ENOUGH_RECORDS, mode=NewFields.EVOLVE)

    assert (watch.has_enough, watch.missing, watch.usual) == (True, [], [])
