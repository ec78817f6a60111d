"""Splitting a JSON array into the texts of its elements."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.etl.sources.json_array import ArrayMalformedError, split_array

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def blocks(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


@given(st.lists(_json), st.integers(1, 40), st.sampled_from([None, 2]))
def test_elements_survive_any_block_size(elements: list[object], size: int, indent: int | None) -> None:
    text = json.dumps(elements, indent=indent)

    cut = list(split_array(blocks(text, size), max_element_chars=10_000))

    assert [json.loads(element) for element in cut] == elements


def test_nan_costs_only_its_element() -> None:
    assert list(split_array(iter(['[{"a": NaN}, {"a": 1}]']), max_element_chars=100)) == ['{"a": NaN}', '{"a": 1}']


@pytest.mark.parametrize("text", ["", "{}", "[1", "[1,", "[1 2]", '[{"a": }]', "[1, 2}"])
def test_broken_arrays_say_where(text: str) -> None:
    with pytest.raises(ArrayMalformedError, match="at character"):
        list(split_array(iter([text]), max_element_chars=100))


def test_good_elements_before_the_break_are_delivered() -> None:
    elements = split_array(iter(['[{"a": 1}, {"a"']), max_element_chars=100)

    assert next(elements) == '{"a": 1}'
