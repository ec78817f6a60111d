"""The modules of the page: no build step checks them, so these rules do."""

import re
from pathlib import Path

import pytest

from docustore.dashboard.pages import DASHBOARD_PAGE, LOGIN_PAGE, STATIC_DIR

STATIC = Path(str(STATIC_DIR))
CLASSIC = {"login.js", "reference.js", "theme.js"}
MODULES = sorted(path for path in STATIC.rglob("*.js") if path.name not in CLASSIC)
IMPORT = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
# What turns text into markup or code. Names of users are written by strangers.
PARSED = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|srcdoc"
)
MAX_LINES = 180


def name_of(path: Path) -> str:
    return str(path.relative_to(STATIC))


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=name_of)
def test_no_text_becomes_markup(path: Path) -> None:
    assert PARSED.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_are_exported_and_used(path: Path) -> None:
    text = path.read_text("utf-8")
    body = IMPORT.sub("", text)
    found = []
    for names, source in IMPORT.findall(text):
        target = (path.parent / source).resolve()
        exported = set(EXPORT.findall(target.read_text("utf-8"))) if target.is_file() else set()
        found += [name for name in names.split(", ") if name not in exported]
        found += [f"{name} is not used" for name in names.split(", ") if not re.search(rf"\b{name}\b", body)]

    assert len(re.findall(r"^import ", text, re.MULTILINE)) == len(IMPORT.findall(text))
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()

    assert lines[0].startswith("/** ")
    assert len(lines) <= MAX_LINES


def test_growing_lists_are_not_read_again() -> None:
    """A list that grows by "Show more" and follows the store stops following it when it is long, and says so."""
    texts = {name_of(path): path.read_text("utf-8") for path in MODULES}
    following = {name for name, text in texts.items() if "moreButton(" in text and "every:" in text}

    assert {"views/runs.js", "views/rule.js"} <= following
    assert [name for name in following if not {"unlessLong(", "longNote("} <= words(texts[name])] == []


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+\(", text))


def test_every_file_is_used() -> None:
    reached, waiting = set[Path](), [STATIC / "main.js"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            imports = IMPORT.findall(path.read_text("utf-8"))
            waiting += [(path.parent / source).resolve() for _, source in imports]

    assert set(MODULES) == reached


@pytest.mark.parametrize("page", [DASHBOARD_PAGE, LOGIN_PAGE], ids=["dashboard", "login"])
def test_page_names_files_that_are_there(page: str) -> None:
    """And has nothing inline, which its policy forbids."""
    named = re.findall(r'"/assets/([^"]+)"', page)

    assert [name for name in named if not (STATIC / name).is_file()] == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]+src=)", page) == []
