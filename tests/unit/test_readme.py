"""The README and the page of sources agree with the code."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docustore.cli.main import COMMANDS
from docustore.config import Settings
from docustore.source_settings import SourceSettings, kinds_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SOURCES = (ROOT / "docs" / "sources.md").read_text()
VARIABLES = {f"DOCUSTORE_{name.upper()}": field for name, field in Settings.model_fields.items()}


def rendered(default: Any) -> str:
    match default:
        case None:
            return "unset"
        case () | {} if not default:
            return "none"
        case tuple():
            return ", ".join(default)
        case float() if default == int(default):
            return str(int(default))
        case _:
            return str(default)


def row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else f"`{rendered(field.get_default(call_default_factory=True))}`"
    kinds = ", ".join(f"`{kind}`" for kind in sorted(kinds_of(name)))
    return f"| `{name}` | {default} | {kinds + ': ' if kinds else ''}{field.description}"


NESTED = {
    f"{table}.{name}": nested
    for table, field in SourceSettings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for name, nested in field.annotation.model_fields.items()
}
PLAIN = {
    name: field
    for name, field in SourceSettings.model_fields.items()
    if not any(nested.startswith(f"{name}.") for nested in NESTED)
}


@pytest.mark.parametrize(("name", "field"), VARIABLES.items())
def test_every_setting_has_its_row(name: str, field: FieldInfo) -> None:
    assert field.description
    assert row(name, field) in README


@pytest.mark.parametrize(("name", "field"), [*PLAIN.items(), *NESTED.items()])
def test_every_setting_of_a_source_has_its_row(name: str, field: FieldInfo) -> None:
    assert field.description
    assert row(name, field) in SOURCES


def test_every_row_names_a_setting() -> None:
    assert set(re.findall(r"^\| `(DOCUSTORE_[A-Z_]+)`", README, re.MULTILINE)) == set(VARIABLES)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named(command: str) -> None:
    assert f"`{command}" in README


@pytest.mark.parametrize("page", [README, f"{README}{SOURCES}"], ids=["readme", "sources"])
def test_settings_in_the_text_are_valid(page: str) -> None:
    tables = "\n".join(re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL))

    sources = tomllib.loads(tables)["sources"]

    assert Settings(sources=sources).sources.keys() == sources.keys()


LINK = r"\]\(((?!http)[^)#]+)"


@pytest.mark.parametrize(
    "path", [*re.findall(LINK, README), *(f"docs/{path}" for path in re.findall(LINK, SOURCES))]
)
def test_relative_links_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"\bmake (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("path", re.findall(r"`(docustore/[\w/]+\.py|workers/\w+\.py|scripts/\w+\.py)`", README))
def test_named_files_exist(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_every_block_of_code_ends(page: Path) -> None:
    """Otherwise the text after it is shown as code."""
    fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(fences) % 2 == 0
    assert [language for language in fences[1::2] if language] == []
