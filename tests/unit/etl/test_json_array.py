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


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "char", "problem"),
    [
        ("", 0, r"expected '\['"),
        ("{}", 0, r"expected '\['"),
        ("  x", 2, r"expected '\['"),
        ("[1 2]", 3, "expected ','"),
        ("[1,  \n 2, x]", 10, "not a JSON value"),
        ('["ab", "cd" "ef"]', 12, "expected ','"),
        ("[1] x", 4, "expected the end"),
        ("[] []", 3, "expected the end"),
    ],
)
def test_break_is_counted_from_the_start(text: str, char: int, problem: str, size: int) -> None:
    elements = split_array(blocks(text, size), max_element_chars=100, is_whole_text=True)

    with pytest.raises(ArrayMalformedError, match=f"^{problem} at character {char}$") as caught:
        list(elements)

    assert caught.value.char == char


def test_text_behind_the_array_is_left_unless_asked_for() -> None:
    assert list(split_array(iter(["[1] x"]), max_element_chars=100)) == ["1"]
    assert list(split_array(iter(["[1] \n", " "]), max_element_chars=100, is_whole_text=True)) == ["1"]


@pytest.mark.parametrize("text", ["[]", " [ ] ", "[\n]"])
@pytest.mark.parametrize("size", [1, 100])
def test_empty_array_has_no_element(text: str, size: int) -> None:
    assert list(split_array(blocks(text, size), max_element_chars=100, is_whole_text=True)) == []


def test_number_cut_by_a_block_is_one_number() -> None:
    assert list(split_array(iter(["[12", "34", ".5", "e", "-", "1, 7", "]"]), max_element_chars=100)) == [
        "1234.5e-1",
        "7",
    ]


class _Counted:
    """Blocks that count how many were read."""

    def __init__(self, *texts: str) -> None:
        self.read = 0
        self._texts = iter(texts)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = next(self._texts)
        self.read += 1
        return text


@pytest.mark.parametrize(("chars", "read"), [(9, 4), (10, 3), (11, 2)])
def test_endless_element_is_read_up_to_its_limit(chars: int, read: int) -> None:
    """What was read of an element before the last block is at most `max_element_chars`: memory stays bounded."""
    given = _Counted('[1, 2, "', "a" * (chars - 1), "b", "c" * 100, "d" * 100)

    with pytest.raises(ArrayMalformedError, match="not a JSON value at character 7"):
        list(split_array(given, max_element_chars=10))

    assert given.read == read


def test_block_is_read_only_when_it_is_needed() -> None:
    given = _Counted("[1, 2, ", "3, ", "4]")
    elements = split_array(given, max_element_chars=10)

    first = next(elements)

    assert (first, given.read) == ("1", 1)


def test_element_of_the_largest_size_is_taken_from_small_blocks() -> None:
    element = '"' + "x" * 98 + '"'

    assert list(split_array(blocks(f"[1, {element}]", 1), max_element_chars=100)) == ["1", element]


def test_junk_behind_an_element_breaks_the_array() -> None:
    """Taken into the element, the junk would take the next record with it."""
    elements = split_array(iter(['[{"id":1},{"id":2}0,{"id":3}]']), max_element_chars=100)

    with pytest.raises(ArrayMalformedError, match="expected ',' at character 18"):
        list(elements)


def test_end_behind_a_number_is_counted_from_the_start() -> None:
    with pytest.raises(ArrayMalformedError, match="expected ',' at character 10"):
        list(split_array(iter(["[1, 123456"]), max_element_chars=100))
