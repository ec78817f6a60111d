"""The demonstration's records: repeatable, with every defect for the ETL."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
import pytest

from docustore.demo.directory import Entry, Fields
from docustore.demo.people import person, regions
from docustore.demo.records import SPREAD, UNKNOWN_STATUS, make_record, make_records
from docustore.etl.readings import STATUS_WORDS
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import RecordRules, UserRecord, to_user_record

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
RULES = RecordRules(
    source="demo",
    required=("email", "first_name", "last_name"),
    observed_at=UNTIL,
    latest=UNTIL,
    max_record_bytes=1_000_000,
)
ENTRIES = tuple(make_records(5000, seed=7, until=UNTIL))


def wire(entries: Iterable[Entry]) -> list[Fields]:
    return [msgspec.json.decode(entry.raw) for entry in entries]


@cache
def loaded() -> tuple[list[UserRecord], set[str]]:
    users: list[UserRecord] = []
    codes: set[str] = set()
    for entry in ENTRIES:
        try:
            users.append(to_user_record(entry.raw, RULES))
        except RecordRejectedError as exc:
            codes.update(error.code for error in exc.errors)
    return users, codes


def test_same_seed_gives_same_records() -> None:
    assert list(make_records(50, seed=7, until=UNTIL)) == list(ENTRIES[:50])
    assert list(make_records(50, seed=8, until=UNTIL)) != list(ENTRIES[:50])


def test_record_depends_on_its_own_number_only() -> None:
    """New records continue the numbers, and a larger directory holds the smaller one."""
    assert make_record(4321, seed=7, until=UNTIL) == ENTRIES[4321]
    assert next(make_records(1, seed=7, until=UNTIL, first=4321)) == ENTRIES[4321]


def test_most_records_can_be_loaded() -> None:
    users, _ = loaded()

    assert 0.88 < len(users) / len(ENTRIES) < 0.97


def test_records_are_refused_for_many_reasons() -> None:
    assert {
        "missing",
        "email_malformed",
        "time_malformed",
        "out_of_range",
        "control_character",
        "too_long",
    } <= loaded()[1]


def test_every_status_word_occurs() -> None:
    words = {str(fields["status"] or "").strip().lower() for fields in wire(ENTRIES)}

    assert words == {*STATUS_WORDS, UNKNOWN_STATUS}


def test_one_mailbox_has_several_ids() -> None:
    users, _ = loaded()
    emails = {user.values["email"] for user in users if user.values is not None}

    assert 0.9 < len(emails) / len(users) < 0.98


@pytest.mark.parametrize(
    "names", [{"first_name", "created_at", "modified_at"}, {"firstName", "createdAt", "modifiedAt"}]
)
def test_both_spellings_occur(names: set[str]) -> None:
    assert any(names <= fields.keys() for fields in wire(ENTRIES))


def test_profiles_come_in_every_shape() -> None:
    profiles = [fields.get("profile", ...) for fields in wire(ENTRIES)]

    assert {None, ...} <= {profile for profile in profiles if not isinstance(profile, dict)}
    assert any("preferences" in profile for profile in profiles if isinstance(profile, dict))
    assert any("theme" in profile for profile in profiles if isinstance(profile, dict))


def test_names_come_in_many_scripts() -> None:
    names = "".join(region.first[0] + region.last[0] for region in regions())

    for letter_of_script in ("A", "é", "Д", "Γ", "م", "ד", "伟", "さ", "민", "अ", "ส"):
        assert letter_of_script in names


def test_times_come_in_many_offsets() -> None:
    given = [fields.get("modified_at") or fields["modifiedAt"] for fields in wire(ENTRIES)]
    offsets = {datetime.fromisoformat(text).utcoffset() for text in given}

    assert timedelta(hours=-10) in offsets
    assert timedelta(hours=5, minutes=45) in offsets
    assert len(offsets) > 12


def test_times_lie_in_the_last_five_years() -> None:
    for user in loaded()[0]:
        assert user.values is not None
        created_at = user.values["created_at"]
        assert created_at is not None
        assert UNTIL - SPREAD - timedelta(seconds=2) <= created_at <= user.modified_at < UNTIL


def test_order_is_that_of_the_written_time() -> None:
    for entry in ENTRIES:
        fields = msgspec.json.decode(entry.raw)
        written = datetime.fromisoformat(fields.get("modified_at") or fields["modifiedAt"])
        assert entry.key[0] == round(written.timestamp() * 1000)


def test_everybody_has_an_own_mailbox() -> None:
    people = [person(number, seed=7) for number in range(3000)]

    assert len({who.email for who in people}) == len(people)
