"""docs/changes.md names tests, modules and functions that exist."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from docustore.changes.position import Position

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/changes.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "docustore/changes").rglob("*.py"))
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
COLUMNS = [
    [cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| `")
]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_named_test_exists(name: str) -> None:
    assert f"def {name}(" in TESTS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE))))
def test_named_module_exists(name: str) -> None:
    assert (ROOT / "docustore/changes" / name).is_file()


def test_named_functions_exist() -> None:
    functions = {name for row in COLUMNS for name in re.findall(r"`(\w+)`", row[3])}

    assert functions
    assert {name for name in functions if f"def {name}(" not in SOURCES} == set()


def test_every_field_of_the_position_is_explained() -> None:
    stored = {field.name for field in fields(Position)} - {"start"} | {"token", "start_at"}

    assert stored <= {name for row in COLUMNS for name in re.findall(r"`(\w+)`", row[0])}
