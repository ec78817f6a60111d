"""A pattern shows the shape of a text and hides its content."""

import re

import pytest

from docustore.profiling.patterns import PatternCount, count_patterns, expression_of, pattern_of


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ""),
        ("Ada Lovelace", "Aa+ Aa+"),
        ("a@b.org", "a@a.a+"),
        ("+44 20 7946", r"\+9+ 9+ 9+"),
        ("UTC+0100", r"A+\+9+"),
        ("C++", r"A\++"),
        (r"a\b", r"a\\a"),
        ("Łódź 张伟", "Aa+ a+"),
        ("a-b-c-d-e-f-g-h", "a-a-a-a-a-a-..."),
        ("two  spaces\t", "a+ +a+ "),
    ],
)
def test_pattern_describes_kinds_of_characters(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


def test_frequent_patterns_come_first_and_ties_by_name() -> None:
    texts = [("ab", 2), ("cd", 3), ("12", 4), ("X", 4), ("!", 1)]

    assert count_patterns(texts, limit=3) == [
        PatternCount(pattern="a+", count=5),
        PatternCount(pattern="9+", count=4),
        PatternCount(pattern="A", count=4),
    ]


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "a@b.org", "AB-1234", "Łódź", "x.y*z", "+44 20", "UTC+0100", "a+b", "C++", r"a\b"]
)
def test_expression_matches_texts_of_its_pattern(text: str) -> None:
    expression = expression_of(pattern_of(text))

    assert expression is not None
    assert re.fullmatch(expression, text)


@pytest.mark.parametrize(("pattern", "other"), [("A+-9+", "AB-12x"), ("a.a", "axa"), ("9+", "x"), (r"a\+a", "ab")])
def test_expression_refuses_other_texts(pattern: str, other: str) -> None:
    assert not re.fullmatch(expression_of(pattern) or "", other)


def test_a_cut_pattern_has_no_expression() -> None:
    assert expression_of("a-a-...") is None
