"""Paths into JSON."""

import json

import pytest

from docustore.etl.sources.key_path import keys_of, start_of, value_at


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("", ()),
        ("users", ("users",)),
        ("data.items", ("data", "items")),
        (r"@odata\.nextLink", ("@odata.nextLink",)),
        (r"a\.b.c", ("a.b", "c")),
    ],
)
def test_path_is_split_at_its_dots(path: str, keys: tuple[str, ...]) -> None:
    assert keys_of(path) == keys


@pytest.mark.parametrize(
    ("keys", "value"),
    [((), {"a": {"b": 1}}), (("a",), {"b": 1}), (("a", "b"), 1), (("x",), None), (("a", "b", "c"), None)],
)
def test_value_at_a_path_or_none(keys: tuple[str, ...], value: object) -> None:
    assert value_at({"a": {"b": 1}}, keys) == value


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (" [7]", ()),
        ('{"a":[7]}', ("a",)),
        ('{"x": {"a": [1]}, "a" : [7] , "y": {}}', ("a",)),
        ('{"d": {"x": "a", "a": [7]}, "a": [1]}', ("d", "a")),
        ('{"a": [1], "a": [7]}', ("a",)),
    ],
)
def test_start_of_the_value_at_a_path(text: str, keys: tuple[str, ...]) -> None:
    value, _ = json.JSONDecoder().raw_decode(text, start_of(text, keys))

    assert value == [7]
