"""Expressions of the settings meet texts of any client: none may hold the process."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.linear_expression import LinearExpression
from docustore.profiling.patterns import expression_of, pattern_of

# Python's own engine needs longer than a day for each of these.
EXPLODING = ["(a+)+", "(a|aa)+", "(a|a)*", "(.*a){20}", r"([a-z]+)*\d"]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_hostile_text_takes_no_longer(pattern: str) -> None:
    assert not LinearExpression(pattern).matches("a" * 10_000 + "!")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[A-Z].*", "Delft", True),
        ("[A-Z]", "Delft", False),
        ("a|b", "ab", False),
        ("a|b", "b", True),
        ("", "", True),
        ("", "a", False),
        ("a", "a\n", False),
        ("a$", "a", True),
        (r"\w+", "\u00c9mile", True),
        (r"\d{4}-\d{2}", "2026-11", True),
        ("(?i)abc", "ABC", True),
    ],
)
def test_whole_text_must_match(pattern: str, text: str, expected: bool) -> None:
    assert LinearExpression(pattern).matches(text) is expected


@pytest.mark.parametrize("pattern", ["(", "a)|(b", "[", "(?!a)b", "(?<=a)b", r"(a)\1", r"\w{1000}{1000}"])
def test_other_expressions_are_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\S+ \S+"):
        LinearExpression(pattern)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12))
def test_pattern_of_a_profile_is_accepted(text: str) -> None:
    """Every rule that `quality suggest` proposes is one that the service takes."""
    expression = expression_of(pattern_of(text))

    assert expression is not None
    assert re.compile(expression)
    LinearExpression(expression)
