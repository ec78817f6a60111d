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
