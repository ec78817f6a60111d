"""A spreadsheet runs no cell, and every text comes back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docustore.exports.cells import from_cell, from_optional_cell, to_cell, to_optional_cell

STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.one_of(st.sampled_from("'=+-@ \t\ra"), st.characters()), max_size=12)


@given(TEXTS)
@example("")
@example("'")
@example("'=1")
@example("''-x")
def test_text_comes_back(text: str) -> None:
    assert from_cell(to_cell(text)) == text
    assert from_optional_cell(to_optional_cell(text)) == text


@given(TEXTS)
def test_no_cell_starts_like_a_formula(text: str) -> None:
    assert to_cell(text)[:1] not in set(STARTS)
    assert to_optional_cell(text)[:1] not in set(STARTS)


@pytest.mark.parametrize("start", STARTS)
def test_every_start_is_shielded(start: str) -> None:
    assert to_cell(f"{start}cmd") == f"'{start}cmd"


@pytest.mark.parametrize("text", ["", "Ada", "'s-Hertogenbosch", "O'Brien", "1-2", " =1", "'", "it's"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Also a text that a person typed: an import must not remove its apostrophe."""
    assert to_cell(text) == text
    assert from_cell(text) == text


def test_absent_and_empty_differ() -> None:
    assert [to_optional_cell(None), to_optional_cell(""), to_optional_cell("'")] == ["", "'", "''"]
    assert [from_optional_cell(""), from_optional_cell("'"), from_optional_cell("''")] == [None, "", "'"]
