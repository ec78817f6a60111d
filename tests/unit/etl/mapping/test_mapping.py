"""Records with the keys of their source become records of users."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.transform import to_user_record
from tests.unit.etl.mapping.mapped import ADA, BASE, Map, load, mapping, reasons, values
from tests.unit.etl.memory_store import RULES


def test_keys_give_fields_also_inside_objects() -> None:
    fields = {"last_name": "Name.Family", "first_name": "Name.Given", "profile": {"location": "Ort"}}

    record = load(fields, {"Name": {"Family": "May", "Given": "Ada"}, "Ort": "Ulm"})

    assert record.key == "crm:7"
    assert record.values is not None
    assert record.values["email"] == "ada@x.org"
    assert (record.values["first_name"], record.values["last_name"]) == ("Ada", "May")
    assert record.values["profile"]["location"] == "Ulm"


def test_unmapped_fields_keep_their_names() -> None:
    found = values({}, {"firstName": "Ada", "roles": ["x"], "profile": {"bio": "b", "theme": "dark"}})

    assert (found["first_name"], found["roles"]) == ("Ada", ["x"])
    assert (found["profile"]["bio"], found["profile"]["preferences"]["theme"]) == ("b", "dark")


def test_default_keys_of_a_mapped_field_do_not_count() -> None:
    """The address of the settings counts, also where a record lacks it."""
    fields = {"first_name": "Rufname", "profile.location": "Ort", "language": "Sprache"}
    profile = {
        "location": "private",
        "language": "de",
        "bio": "b",
        "preferences": {"language": "fr", "theme": "dark"},
    }

    found = values(fields, {"firstName": "other", "email": "private@x.org", "id": 1, "profile": profile})

    assert (found["first_name"], found["email"]) == ("", "ada@x.org")
    assert found["profile"] == {
        "avatar": None,
        "bio": "b",
        "location": None,
        "preferences": {"notifications": True, "theme": "dark", "language": "en"},
    }


def test_two_fields_exchange_their_keys() -> None:
    found = values(
        {"first_name": "last_name", "last_name": "first_name"}, {"first_name": "May", "last_name": "Ada"}
    )

    assert (found["first_name"], found["last_name"]) == ("Ada", "May")


def test_one_key_gives_two_fields() -> None:
    record = load({"id": "E-Mail"}, {})

    assert (record.key, record.values and record.values["email"]) == ("crm:Ada@x.org", "ada@x.org")


def test_preferences_are_mapped() -> None:
    fields = {"profile.preferences.language": "Sprache", "notifications": {"from": "Post", "values": {"ja": True}}}

    found = values(fields, {"Sprache": "de", "Post": "Ja", "profile": "text"})

    assert found["profile"]["preferences"] == {"notifications": True, "theme": "light", "language": "de"}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"Rufname": "Ada", "Vorname": "Augusta"}, "Ada"),
        ({"Rufname": "", "Vorname": "Augusta"}, "Augusta"),
        ({}, "x"),
    ],
)
def test_first_key_with_a_value_counts(record: Map, name: str) -> None:
    field = {"from": ["Rufname", "Vorname"], "default": "x"}

    assert values({"first_name": field}, record)["first_name"] == name


def test_constant_is_given_to_every_record() -> None:
    found = values(
        {"tags": {"value": ["hr", "x"]}, "status": {"value": "inactive"}}, {"status": "active", "tags": []}
    )

    assert (found["tags"], found["status"]) == (["hr", "x"], "inactive")


@pytest.mark.parametrize(
    ("word", "status", "warnings"),
    [
        ("aktiv", "active", ()),
        (" AUSGESCHIEDEN ", "inactive", ()),
        (0, "suspended", ()),
        (True, "active", ()),
        # A word that the table lacks stays as it is.
        ("disabled", "inactive", ()),
        ("elsewhere", "active", ("status_unknown",)),
    ],
)
def test_words_are_translated(word: object, status: str, warnings: tuple[str, ...]) -> None:
    table = {"Aktiv": "active", "ausgeschieden": "inactive", "0": "suspended", "true": "enabled"}

    record = load({"status": {"from": "Status", "values": table}}, {"Status": word})

    assert record.values is not None
    assert (record.values["status"], record.warnings) == (status, warnings)


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("Admin / Lohn/", ["Admin", "payroll"]),
        (["Lohn", "x"], ["payroll", "x"]),
        ("alle", ["Admin", "payroll"]),
        ("keine", []),
        ("", []),
    ],
)
def test_text_becomes_a_list(given: object, roles: list[str]) -> None:
    table = {"lohn": "payroll", "alle": ["Admin", "payroll"], "keine": ""}

    assert (
        values({"roles": {"from": "Rollen", "split": "/", "values": table}}, {"Rollen": given})["roles"] == roles
    )


@pytest.mark.parametrize(
    ("name", "order", "first", "last"),
    [("Jane van der Doe", None, "Jane", "van der Doe"), ("Doe Jane", "last first", "Jane", "Doe")],
)
def test_full_name_gives_both_names(name: str, order: str | None, first: str, last: str) -> None:
    field = "Name" if order is None else {"from": "Name", "order": order}

    found = values({"full_name": field}, {"Name": name, "first_name": "x", "lastName": "y"})

    assert (found["first_name"], found["last_name"]) == (first, last)


def test_full_name_that_is_no_text_is_an_error() -> None:
    assert reasons({"full_name": "Name"}, {"Name": {"a": 1}}) == [("/last_name", "wrong_type")]


@pytest.mark.parametrize(
    ("given", "utc", "warnings"),
    [
        ("31.01.2026", datetime(2026, 1, 30, 23, tzinfo=UTC), ()),
        (" 31.01.2026 12:30 ", datetime(2026, 1, 31, 11, 30, tzinfo=UTC), ()),
        ("25.10.2026 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ("time_ambiguous",)),
        (1769860800, datetime(2026, 1, 31, 12, tzinfo=UTC), ()),
    ],
)
def test_local_times(given: object, utc: datetime, warnings: tuple[str, ...]) -> None:
    field = {"from": "Stand", "format": ["%d.%m.%Y %H:%M", "%d.%m.%Y"], "zone": "Europe/Berlin"}

    record = load({"modified_at": field}, {"Stand": given})

    assert (record.modified_at, record.warnings, record.is_time_observed) == (utc, warnings, False)


def test_time_without_zone_is_utc_with_a_warning() -> None:
    record = load({"created_at": {"from": "Eintritt", "format": "%d.%m.%Y"}}, {"Eintritt": "31.01.2026"})

    assert record.values is not None
    assert (record.values["created_at"], record.warnings) == (
        datetime(2026, 1, 31, tzinfo=UTC),
        ("time_without_zone",),
    )


def test_blank_time_is_none() -> None:
    record = load({"modified_at": {"from": "Stand", "format": "%d.%m.%Y"}}, {"Stand": "  "})

    assert record.is_time_observed


@pytest.mark.parametrize(
    ("gone", "is_deleted"), [("yes", True), (" Left ", True), ("no", False), ("perhaps", False), ("", False)]
)
def test_condition_makes_a_tombstone(gone: str, is_deleted: bool) -> None:
    record = load({"deleted": {"from": "gone", "equals": ["yes", "left"]}}, {"gone": gone, "deleted": True})

    assert (record.values is None) == is_deleted


def test_hook_finishes_the_record() -> None:
    def hook(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "last_name": record["Kennung"].title(), "tags": ["hook"]}

    found = values({"first_name": "Vorname"}, {"Vorname": "Ada", "Kennung": "may"}, hook)

    assert (found["first_name"], found["last_name"], found["tags"]) == ("Ada", "May", ["hook"])


def test_digest_changes_with_the_settings() -> None:
    one, same, other = (
        mapping(BASE),
        mapping({"email": {"from": "E-Mail"}, "id": "Nr"}),
        mapping({"email": "E-Mail"}),
    )

    assert one.digest == same.digest
    assert len({one.digest, other.digest, RecordMapping({}, hook_version="acme 1").digest}) == 3
    assert load({}, {}).mapping == mapping(BASE).digest


def test_record_without_mapping_has_no_digest() -> None:
    assert to_user_record(b'{"id": 1, "email": "a@x.org"}', RULES).mapping == ""


def test_given_record_stays_as_it_is() -> None:
    record = {**ADA, "profile": {"location": "x", "preferences": {"language": "de"}}}
    before = json.dumps(record)

    mapping({**BASE, "language": "Nr", "location": "Nr"}).apply(record)

    assert json.dumps(record) == before
