"""What a mapping or its hook rejects names the field and the key of the source."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from docustore.etl.mapping.hooks import FieldRejectedError
from docustore.etl.records import RecordRejectedError
from docustore.etl.transform import to_user_record
from tests.unit.etl.mapping.mapped import BASE, load, mapping, reasons
from tests.unit.etl.memory_store import RULES


def test_errors_name_field_and_key() -> None:
    fields = {
        "modified_at": {"from": "Stand", "format": "%d.%m.%Y", "zone": "Europe/Berlin"},
        "profile.location": "Ort.Name",
        "full_name": "Name",
    }
    rules = replace(RULES, required=("email", "last_name"), mapping=mapping({**BASE, **fields}))
    record = {"Nr": 7, "E-Mail": "nobody", "Stand": "2026-01-31", "Ort": {"Name": "Ulm"}, "Name": ""}

    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(json.dumps(record).encode(), rules)

    found = {error.pointer: (error.code, error.detail.rpartition(" (")[2]) for error in rejected.value.errors}
    assert found == {
        "/modified_at": ("time_malformed", "mapped from Stand)"),
        "/email": ("email_malformed", "mapped from E-Mail)"),
        "/last_name": ("missing", "mapped from Name)"),
    }


def test_wrong_types_name_field_and_key() -> None:
    assert reasons({"profile.location": "Ort"}, {"Ort": {"a": 1}, "roles": 7}) == [
        ("/roles", "wrong_type"),
        ("/profile/location", "wrong_type"),
    ]


def test_detail_does_not_contain_the_value() -> None:
    with pytest.raises(RecordRejectedError) as rejected:
        load({"modified_at": {"from": "Stand", "format": "%d.%m.%Y"}}, {"Stand": "hunter2"})

    assert "hunter2" not in str([error.detail for error in rejected.value.errors])


def test_text_that_is_no_json_stays_the_error() -> None:
    with pytest.raises(RecordRejectedError) as rejected:
        to_user_record(b'{"Nr": ', replace(RULES, mapping=mapping(BASE)))

    assert [error.code for error in rejected.value.errors] == ["json_malformed"]


@pytest.mark.parametrize(
    ("failure", "pointer", "detail"),
    [
        (lambda record: int(record["Alter"]), "/Alter", "the hook raised ValueError after it read Alter"),
        (lambda record: record["Age/x"], "/Age~1x", "the hook raised KeyError after it read Age/x"),
        (lambda record: record.get("none").x, "/none", "the hook raised AttributeError after it read none"),
        (lambda _: 1 / 0, "", "the hook raised ZeroDivisionError"),
        (lambda _: None, "", "the hook returned NoneType, not a dict"),
    ],
)
def test_error_of_a_hook_costs_its_record(failure: Callable[[Any], Any], pointer: str, detail: str) -> None:
    with pytest.raises(RecordRejectedError) as rejected:
        load({}, {"Alter": "hunter2"}, failure)

    [error] = rejected.value.errors
    assert (error.pointer, error.code, error.detail) == (pointer, "hook_failed", detail)


def test_hook_names_the_field_that_it_rejects() -> None:
    def hook(_: dict[str, Any]) -> dict[str, Any]:
        raise FieldRejectedError("profile.location", "the site is unknown")

    with pytest.raises(RecordRejectedError) as rejected:
        load({"profile.location": "Ort"}, {"Ort": "x"}, hook)

    [error] = rejected.value.errors
    assert (error.pointer, error.code) == ("/profile/location", "hook_rejected")
    assert error.detail == "the site is unknown (mapped from Ort)"
