"""Mistakes in the settings of a mapping are refused before a run starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from docustore.config import Settings
from docustore.config_loading import configuration_error, load_settings
from docustore.embedded.environment import child_environment
from docustore.errors import ConfigurationError
from docustore.etl.mapping import hooks
from docustore.etl.mapping.mapping import RecordMapping
from docustore.etl.mapping.prepare import mapping_of
from docustore.source_settings import SourceSettings


def settings(**given: Any) -> SourceSettings:
    return SourceSettings.model_validate({"kind": "file", "url": "people.csv", **given})


def refusal(**given: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**given)
    return str(configuration_error(refused.value, within="sources.hr"))


def test_every_spelling_of_a_field_is_taken() -> None:
    one = settings(map={"firstName": "a", "profile": {"location": "b", "preferences": {"theme": "c"}}})
    other = settings(map={"first_name": "a", "location": "b", "profile.preferences.theme": "c"})

    assert one.map == other.map
    assert list(one.map) == ["first_name", "profile.location", "profile.preferences.theme"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"first_nme": "a"}, "sources.hr.map: there is no field first_nme; did you mean first_name?"),
        ({"shoe": "a"}, "there is no field shoe; the fields are id, email,"),
        ({"profile": {"x": "a"}}, "there is no field profile.x"),
        ({"profile": "a"}, "there is no field profile"),
        ({"firstName": "a", "first_name": "b"}, "first_name is given twice"),
        ({"email": 7}, "email: write a key"),
        ({"email": {}}, "sources.hr.map.email: give either a key or a constant"),
        ({"email": ""}, "sources.hr.map.email.from: the key is empty"),
        ({"email": 'Na"me'}, "double quotes around a whole part"),
        ({"status": {"from": "a", "value": "x"}}, "give either a key or a constant"),
        ({"status": {"value": "x", "default": "y"}}, "a constant takes no other settings"),
        ({"email": {"value": "x"}}, "email: a constant would be the same for all records"),
        ({"id": {"value": "x"}}, "id: a constant"),
        ({"full_name": {"value": "x"}}, "full_name: a constant"),
        ({"email": {"from": "a", "split": ","}}, "email: `split` is only for lists"),
        ({"email": {"from": "a", "zone": "Europe/Berlin"}}, "email: `zone` is only for times"),
        ({"email": {"from": "a", "format": "%d.%m.%Y"}}, "email: `format` is only for times"),
        ({"first_name": {"from": "a", "order": "auto"}}, "first_name: `order` is only for full_name"),
        ({"status": {"from": "a", "equals": "x"}}, "status: `equals` is only for deleted"),
        (
            {"modified_at": {"from": "a", "zone": "Berlin"}},
            "sources.hr.map.modified_at.zone: there is no time zone",
        ),
        (
            {"modified_at": {"from": "a", "format": "dd.mm.yyyy"}},
            "sources.hr.map.modified_at.format: the format dd.mm",
        ),
        ({"full_name": {"from": "a", "order": "x"}}, "sources.hr.map.full_name.order"),
        ({"full_name": "a", "last_name": "b"}, "full_name gives first_name and last_name"),
        ({"email": {"from": "a", "unknown": 1}}, "sources.hr.map.email.unknown"),
        ({"roles": {"from": "a", "split": ""}}, "sources.hr.map.roles.split"),
        ("email", "sources.hr.map"),
    ],
)
def test_mistake_is_refused_with_its_name(fields: object, problem: str) -> None:
    assert problem in refusal(map=fields)


@pytest.mark.parametrize(
    "field",
    [
        {"value": ["hr"]},
        {"from": ["a", "b"], "split": "/", "values": {"x": ["y", "z"]}, "default": "d"},
    ],
)
def test_mapping_is_the_same_in_a_child_process(field: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Children read the settings from their environment; dumps are read too."""
    times = {"from": "Stand", "format": "%d.%m.%Y", "zone": "Europe/Berlin"}
    source = settings(
        map={"roles": field, "modified_at": times, "full_name": {"from": "N", "order": "last first"}}
    )

    monkeypatch.setenv(
        "DOCUSTORE_SOURCES", child_environment(Settings(sources={"hr": source}))["DOCUSTORE_SOURCES"]
    )

    assert load_settings().sources["hr"] == source
    assert settings(map=source.model_dump(mode="json")["map"]) == source


def test_columns_have_become_the_map() -> None:
    assert "`columns` is now `map`" in refusal(columns={"Mail": "email"})


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a package that offers the hook `acme`."""

    def install(value: str) -> None:
        package = tmp_path / "acme-1.2.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
        (package / "entry_points.txt").write_text(f"[{hooks.GROUP}]\nacme = {value}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_unknown_hook_is_refused(offered: Callable[[str], None]) -> None:
    offered("copy:copy")

    assert settings(map_hook="acme").map_hook == "acme"
    problem = refusal(map_hook="acem")
    assert "sources.hr.map_hook: no installed package offers the hook acem" in problem
    assert "(installed: acme); install its package" in problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [("nowhere:f", "cannot be imported: ModuleNotFoundError"), ("os:sep", "is not a function")],
)
def test_broken_hook_is_refused(value: str, problem: str, offered: Callable[[str], None]) -> None:
    offered(value)

    with pytest.raises(ConfigurationError, match=rf"sources\.hr\.map_hook: .*{problem}"):
        mapping_of("hr", settings(map_hook="acme"))


def test_hook_is_part_of_the_mapping(offered: Callable[[str], None]) -> None:
    offered("copy:copy")

    mapping = mapping_of("hr", settings(map_hook="acme"))

    assert mapping is not None
    assert mapping.digest == RecordMapping({}, hook_version="acme 1.2").digest
    assert mapping.apply({"a": 1}).record == {"a": 1}


def test_source_with_our_names_has_no_mapping() -> None:
    assert mapping_of("hr", settings()) is None


def test_id_of_a_document_is_mapped_by_its_name_in_records() -> None:
    """The source renames `_id`; the mapping would never find it, and the e-mail address would be the id."""
    given = {"kind": "mongodb", "url": "mongodb://db.example/shop.people", "map": {"id": "_id"}}

    assert "write id instead of _id" in refusal(**given)
    assert settings(map={"id": "_id"}).map["id"].source == ("_id",)
