"""The source is written in plain technical English: docstrings, comments, texts."""

import ast
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("docustore", "workers", "indexes", "scripts", "benchmarks")
MAX_FIRST_LINE_CHARS: Final = 79
SENTENCE_ENDS: Final = (".", "?", "!")
# Use instead: fix; transient; retry; the name of the actor, or the passive voice; endpoints file; invalid.
RETIRED: Final = (
    "mend",
    "mends",
    "mended",
    "mending",
    "passing failure",
    "passing failures",
    "try again",
    "tries again",
    "tried again",
    "trying again",
    "whoever",
    "whomever",
    "nobody",
    "somebody",
    "everybody",
    "notice board",
    "senseless",
    "again and again",
)
RETIRED_WORDS: Final = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)
DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Text = tuple[int, str]


def docstrings(source: str) -> Iterator[Text]:
    """List every docstring with the number of its first line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)) is not None:
            yield node.body[0].lineno, text


def unfit_first_lines(source: str) -> Iterator[Text]:
    for line, text in docstrings(source):
        first = text.partition("\n")[0]
        if len(first) > MAX_FIRST_LINE_CHARS or not first.endswith(SENTENCE_ENDS):
            yield line, first


def texts(source: str) -> Iterator[Text]:
    """List every comment and every string literal; docstrings are string literals."""
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def retired_words(source: str) -> Iterator[Text]:
    """List the retired words, also where a line break separates their parts."""
    for line, text in texts(source):
        for found in RETIRED_WORDS.finditer(" ".join(text.split())):
            yield line, found.group()


def findings(rule: Callable[[str], Iterable[Text]]) -> list[str]:
    files = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
    assert files
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in files
        for line, text in sorted(rule(path.read_text(encoding="utf-8")))
    ]


def test_first_line_is_one_short_sentence() -> None:
    """Indexes, editors and the API reference show only the first line."""
    found = findings(unfit_first_lines)

    assert not found, "\n".join(found)


def test_retired_words_do_not_return() -> None:
    """A reader whose English is a second language reads each sentence once."""
    found = findings(retired_words)

    assert not found, "\n".join(found)


def test_long_and_open_first_lines_are_found() -> None:
    longest, too_long = f"{'a' * 78}.", f"{'a' * 79}."
    bodies = (longest, too_long, "No sentence end", f"Short.\n\n    {too_long}")
    source = "\n".join(f'def f{number}():\n    """{body}"""' for number, body in enumerate(bodies))

    assert [line for line, _ in unfit_first_lines(source)] == [4, 6]


def test_retired_words_are_found_in_every_text() -> None:
    source = '"""Try\nagain."""\n# nobody\nx = f"{1} whoever"\nrecommended = amend = "amended"\n'

    assert sorted(retired_words(source)) == [(1, "Try again"), (3, "nobody"), (4, "whoever")]
