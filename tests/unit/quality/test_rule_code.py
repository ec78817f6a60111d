"""The version of a rule follows all code of its package that decides."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from docustore.quality.declared import rule_set
from docustore.quality.rule_code import code_of

HELPERS = """
import re

LIMIT = {limit}
FORM = re.compile("{form}")
WORDS = frozenset({words})


def is_long(text):
    {body}
"""
RULE = """
from functools import lru_cache
from {package}.helpers import FORM, WORDS, is_long


{cached}def holds(user):
    return is_long(user["x"]) and user["x"] in WORDS and FORM.match(user["x"])
"""
PLAIN = {"limit": "3", "form": "a", "words": "('a', 'b')", "body": "return len(text) > LIMIT"}


def package(folder: Path, name: str, *, cached: str = "", **changed: str) -> ModuleType:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("", "utf-8")
    (folder / name / "helpers.py").write_text(HELPERS.format(**{**PLAIN, **changed}), "utf-8")
    (folder / name / "rule.py").write_text(RULE.format(package=name, cached=cached), "utf-8")
    return importlib.import_module(f"{name}.rule")


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (1, {"body": "return len(text) >= LIMIT"}),
        (2, {"limit": "4"}),
        (3, {"form": "b"}),
        (4, {"words": "('a', 'c')"}),
    ],
)
def test_a_changed_helper_is_another_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, changed: dict[str, str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    names = [f"code_{each}_{number}" for each in ("plain", "same", "other")]
    plain, same = package(tmp_path, names[0]), package(tmp_path, names[1])
    other = package(tmp_path, names[2], **changed)

    codes = [code_of(each.holds).replace(name, "") for each, name in zip((plain, same, other), names, strict=True)]

    assert codes[0] == codes[1]
    assert codes[0] != codes[2]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, 'KNOWN = {"a", VALUE}'),
        (2, 'KNOWN = ["a", VALUE]'),
        (3, 'KNOWN = {"a": (VALUE,)}'),
        (4, "KNOWN = date.fromisoformat('2026-01-0' + VALUE)"),
        (5, "KNOWN = timedelta(days=int(VALUE))"),
    ],
)
def test_a_constant_of_any_kind_is_part_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, line: str
) -> None:
    source = "from datetime import date, timedelta\n" + line.replace("VALUE", "'{value}'")
    source += "\n\n\ndef holds(user):\n    return user['x'] in KNOWN\n"
    codes = codes_of(tmp_path, monkeypatch, f"constant_{number}", source, "1", "1", "2")

    assert codes[0] == codes[1]
    assert codes[0] != codes[2]


@pytest.mark.parametrize(
    ("number", "source"),
    [
        (1, "def made(limit):\n    return lambda user: user['x'] > limit\n\n\nholds = made({value})\n"),
        (2, "LIMIT = {value}\n\n\ndef holds(user, limit=LIMIT):\n    return user['x'] > limit\n"),
        (3, "LIMIT = {value}\n\n\ndef holds(user, *, limit=LIMIT):\n    return user['x'] > limit\n"),
    ],
)
def test_what_a_function_holds_is_part_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, source: str
) -> None:
    """Rules that a loop or a function makes have one source text."""
    codes = codes_of(tmp_path, monkeypatch, f"held_{number}", source, "1", "1", "2")

    assert codes[0] == codes[1]
    assert codes[0] != codes[2]


def test_a_helper_of_another_module_is_part_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called by the name of its module."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("module_one", "module_two"):
        package(tmp_path, name, body="return len(text) > 1" if name == "module_one" else "return len(text) > 2")
        (tmp_path / name / "by_module.py").write_text(
            f"from {name} import helpers\n\n\ndef holds(user):\n    return helpers.is_long(user['x'])\n", "utf-8"
        )

    codes = [code_of(importlib.import_module(f"{name}.by_module").holds) for name in ("module_one", "module_two")]

    assert ("> 1" in codes[0], "> 2" in codes[1]) == (True, True)


def codes_of(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, *values: str) -> list[str]:
    """Return the code of `holds` in modules that differ by a value."""
    monkeypatch.syspath_prepend(folder)
    codes = []
    for number, value in enumerate(values):
        module = f"{name}_{number}"
        (folder / f"{module}.py").write_text(source.replace("{value}", value), "utf-8")
        codes.append(code_of(importlib.import_module(module).holds).replace(module, ""))
    return codes


def test_a_cached_function_has_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    cached = package(tmp_path, "code_cached", cached="@lru_cache\n")

    assert "len(text) > LIMIT" in code_of(cached.holds)


def test_builtin_rules_include_the_rules_of_addresses() -> None:
    rule = rule_set({}).find("email_valid")

    assert rule is not None
    assert "def normalise_email" in code_of(rule.check.test)  # type: ignore[union-attr]


def test_versions_are_equal_in_every_process() -> None:
    """Otherwise each process would ask the listener for another build."""
    line = "from docustore.quality.declared import rule_set; print(rule_set({}).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", line], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1
