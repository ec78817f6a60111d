"""Which columns of real exports are taken for which fields."""

import tomllib
from typing import Any

import pytest

from docustore.etl.proposal.columns import columns_of
from docustore.etl.proposal.guess import Proposal, propose
from docustore.etl.proposal.source_table import source_table
from docustore.source_settings import SourceSettings

Record = dict[str, Any]


def proposed(*records: Record) -> Proposal:
    return propose(columns_of(records), records=len(records), zone="Europe/Berlin")


def settings_of(*records: Record) -> Record:
    return {guess.name: guess.setting for guess in proposed(*records).guesses}


def remarks_on(name: str, *records: Record) -> str:
    guesses = proposed(*records).guesses
    return " ".join(remark for guess in guesses if guess.name == name for remark in guess.remarks)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"Employee ID": "1", "Work Email": "a@x.org", "First Name": "Ada", "Surname": "May", "City": "Ulm"},
            {"id": "Employee ID", "email": "Work Email", "first_name": "First Name", "last_name": "Surname",
             "profile.location": "City"},
        ),
        (
            {"Personal-Nr.": "1", "Dienst-Mail": "a@x.org", "Vorname": "Ada", "Name": "May", "Standort": "Ulm"},
            {"id": "Personal-Nr.", "email": "Dienst-Mail", "first_name": "Vorname", "last_name": "Name",
             "profile.location": "Standort"},
        ),
        (
            {"Matricule": "1", "Courriel": "a@x.org", "Prénom": "Ada", "Nom": "May", "Ville": "Lyon"},
            {"id": "Matricule", "email": "Courriel", "first_name": "Prénom", "last_name": "Nom",
             "profile.location": "Ville"},
        ),
        (
            {"Legajo": "1", "Correo electr.": "a@x.org", "Nombre": "Ada", "Apellidos": "May", "Ciudad": "Vigo"},
            {"id": "Legajo", "email": "Correo electr.", "first_name": "Nombre", "last_name": "Apellidos",
             "profile.location": "Ciudad"},
        ),
        ({"Mail": "a@x.org", "Name": "Ada May"}, {"email": "Mail", "full_name": "Name"}),
        ({"Mail": "a@x.org", "Nombre": "Ada May"}, {"email": "Mail", "full_name": "Nombre"}),
        ({"Mail": "a@x.org", "Nom, Prénom": "May Ada"},
         {"email": "Mail", "full_name": {"from": "Nom, Prénom", "order": "last first"}}),
        ({"Kontakt": "a@x.org", "Ort": "Ulm"}, {"email": "Kontakt", "profile.location": "Ort"}),
        ({"name": {"givenName": "Ada", "familyName": "May"}, "emails": [{"value": "a@x.org"}]},
         {"email": "emails.0.value", "first_name": "name.givenName", "last_name": "name.familyName"}),
    ],
)  # fmt: skip
def test_columns_are_recognised(record: Record, expected: Record) -> None:
    assert settings_of(record) == expected


def test_contents_decide_between_columns() -> None:
    """A column of the right name and the wrong contents is not taken."""
    record = {"E-Mail": "yes", "Mail": "a@x.org", "Name": "b@x.org", "modified": "sometimes"}

    assert settings_of(record) == {"email": "Mail"}


def test_named_column_with_dirt_counts_over_a_clean_one() -> None:
    addresses = ("a@x.org", "b(at)x.org", "c@x.org", "")
    records = [{"E-Mail dienstlich": text, "E-Mail privat": ""} for text in addresses]
    records[0]["E-Mail privat"] = "z@x.org"

    assert settings_of(*records) == {"email": "E-Mail dienstlich"}


def test_column_with_most_addresses_is_taken() -> None:
    records = [{"A": "", "B": "b@x.org"}, {"A": "a@x.org", "B": "c@x.org"}]

    assert settings_of(*records) == {"email": "B"}


def test_secrets_are_left_out() -> None:
    found = proposed({"email": "a@x.org", "email_password": "b@x.org"})

    assert [guess.setting for guess in found.guesses] == ["email"]
    assert found.left_out == ["email_password"]


def test_status_words_are_translated() -> None:
    records = [{"Status": word} for word in ("Aktiv", "ausgeschieden", "gesperrt", "active", "beurlaubt", "")]

    assert settings_of(*records) == {
        "status": {
            "from": "Status",
            "values": {"aktiv": "active", "ausgeschieden": "inactive", "gesperrt": "suspended"},
        }
    }
    assert "these words count as active: beurlaubt" in remarks_on("status", *records)


def test_flags_are_status_words_and_tombstones() -> None:
    records = [{"aktiv": "ja", "gelöscht": "nein"}, {"aktiv": "nein", "gelöscht": "ja"}]

    assert settings_of(*records) == {
        "status": {"from": "aktiv", "values": {"ja": "active", "nein": "inactive"}},
        "deleted": {"from": "gelöscht", "equals": ["ja"]},
    }


@pytest.mark.parametrize(
    ("texts", "setting", "remark"),
    [
        (["31.01.2026", "1.2.2026"], {"format": "%d.%m.%Y"}, "zone"),
        (["31.01.2026 12:30", "01.02.2026"], {"format": ["%d.%m.%Y", "%d.%m.%Y %H:%M"]}, "zone"),
        (["01/31/2026"], {"format": "%m/%d/%Y"}, "zone"),
        (["31/01/2026 12:30:00"], {"format": "%d/%m/%Y %H:%M:%S"}, "zone"),
        (["01/02/2026"], {"format": "%d/%m/%Y"}, "day and month may be exchanged"),
        (["20260131"], {"format": "%Y%m%d"}, "zone"),
        (["2026-01-31 12:00"], {}, "zone"),
    ],
)
def test_dates_get_their_form(texts: list[str], setting: Record, remark: str) -> None:
    records = [{"Geändert am": text} for text in texts]

    assert settings_of(*records) == {"modified_at": {"from": "Geändert am", **setting, "zone": "Europe/Berlin"}}
    assert remark in remarks_on("modified_at", *records)


@pytest.mark.parametrize("value", ["2026-01-31T12:00:00Z", 1769860800])
def test_times_with_a_zone_need_no_form(value: object) -> None:
    assert settings_of({"updated": value}) == {"modified_at": "updated"}


@pytest.mark.parametrize(
    ("text", "setting"),
    [("a/b", {"from": "Rollen", "split": "/"}), ("a;b", "Rollen"), ("a, b", "Rollen"), ("a", "Rollen")],
)
def test_lists_get_their_separator(text: str, setting: object) -> None:
    assert settings_of({"Rollen": text}) == {"roles": setting}


@pytest.mark.parametrize("records", [[{"Nr": "1"}, {"Nr": "1"}], [{"Nr": "1"}, {"Nr": ""}]])
def test_id_that_is_not_unique_is_unsure(records: list[Record]) -> None:
    assert "unsure" in remarks_on("id", *records)


def test_what_is_missing_is_said() -> None:
    found = proposed({"Ort": "Ulm"})

    assert [remark.partition(";")[0] for remark in found.remarks] == [
        "no column looks like an e-mail address",
        "no column looks like an id",
    ]
    assert found.required == ["email"]


@pytest.mark.parametrize(
    ("records", "required"),
    [
        ([{"Name": "Ada May"}, {"Name": "May, Ada"}], ["email", "first_name", "last_name"]),
        ([{"Name": "Ada May"}, {"Name": "Ada Lee"}, {"Name": "Plato"}], ["email"]),
        ([{"Name": "Ada May"}, {"Name": ""}], ["email"]),
        ([{"Vorname": "Ada", "Nachname": "May"}, {"Vorname": "Plato", "Nachname": ""}], ["email", "first_name"]),
        ([{"Vorname": "Ada", "Nachname": "May"}], ["email", "first_name", "last_name"]),
    ],
)
def test_names_are_required_if_all_records_have_them(records: list[Record], required: list[str]) -> None:
    """The sample must load completely; people with one name are common."""
    assert proposed(*records).required == required


def test_proposal_is_a_valid_table() -> None:
    """Whatever a header contains, the text is TOML, and the settings are accepted."""
    record = {
        'Nr. "x"': "1",
        "E-Mail\n# [x]": "a@x.org",
        "a\\b\x7f": "x",
        "Name": "Ada May",
        "profile": {"bio": "b"},
        "Status": 'w"=',
    }
    proposal = proposed(record)
    settings = {"kind": "file", "url": 'a "b".csv', "required": proposal.required}

    table = source_table("hr", settings, proposal, records=1)

    parsed = tomllib.loads(table.text)["sources"]["hr"]
    assert SourceSettings.model_validate(parsed) == SourceSettings.model_validate(table.settings)
    assert parsed["map"]["full_name"] == "Name"
    assert parsed["url"] == 'a "b".csv'
    assert "# Read without a line here: profile.bio" in table.text


def test_table_with_our_names_needs_no_mapping() -> None:
    proposal = proposed({"id": 1, "email": "a@x.org", "firstName": "Ada", "profile": {"theme": "dark"}})

    table = source_table("hr", {"kind": "file", "url": "a"}, proposal, records=1)

    assert "map" not in tomllib.loads(table.text)["sources"]["hr"]
    assert proposal.left_out == []


def test_names_of_nested_and_german_columns_are_known() -> None:
    proposal = proposed(
        {
            "name": {"given": "Ada", "family": "May"},
            "Mailadresse (dienstl.)": "a@x.org",
            "changed": "2026-01-31T12:00:00Z",
        },
        {
            "name": {"given": "Bo", "family": "Lee"},
            "Mailadresse (dienstl.)": "b@@x.org",
            "changed": "2026-01-31T12:00:00Z",
        },
    )

    assert {guess.name: guess.setting for guess in proposal.guesses} == {
        "email": "Mailadresse (dienstl.)",
        "first_name": "name.given",
        "last_name": "name.family",
        "modified_at": "changed",
    }
