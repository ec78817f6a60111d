from typing import Any

import pytest

from docustore.api.patches import PatchType, apply_patch
from docustore.errors import InvalidInputError


# The examples of RFC 7396, appendix A, with an object as target.
@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_rfc(target: dict[str, Any], patch: object, expected: object) -> None:
    assert apply_patch(target, patch, patch_type=PatchType.MERGE) == expected


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "add", "path": "/tags/-", "value": "b"}], {"tags": ["a", "b"]}),
        ([{"op": "add", "path": "/tags/0", "value": "b"}], {"tags": ["b", "a"]}),
        ([{"op": "replace", "path": "/tags", "value": []}], {"tags": []}),
        ([{"op": "remove", "path": "/tags"}], {}),
        ([{"op": "move", "from": "/tags/0", "path": "/name"}], {"tags": [], "name": "a"}),
        ([{"op": "copy", "from": "/tags/0", "path": "/name"}], {"tags": ["a"], "name": "a"}),
        ([{"op": "test", "path": "/tags/0", "value": "a"}], {"tags": ["a"]}),
        ([{"op": "add", "path": "/x~1y~0z", "value": 1}], {"tags": ["a"], "x/y~z": 1}),
    ],
)
def test_json_patch_follows_the_rfc(patch: object, expected: object) -> None:
    assert apply_patch({"tags": ["a"]}, patch, patch_type=PatchType.JSON) == expected


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({}, "patch_malformed"),
        ("x", "patch_malformed"),
        ([1], "patch_malformed"),
        ([{}], "patch_malformed"),
        ([{"op": "drop", "path": "/tags"}], "patch_malformed"),
        ([{"op": "add", "path": "/tags"}], "patch_malformed"),
        ([{"op": "add", "path": "tags", "value": 1}], "path_missing"),
        ([{"op": "remove", "path": "/nope"}], "path_missing"),
        ([{"op": "replace", "path": "/tags/9", "value": 1}], "path_missing"),
        ([{"op": "test", "path": "/tags/0", "value": "b"}], "test_failed"),
        ([{"op": "test", "path": "/tags/0", "value": "a"}] * 1001, "patch_too_long"),
        ([{"op": "copy", "from": "", "path": "/a"}] * 51, "patch_too_long"),
        ([{"op": "copy", "from": "/tags", "path": "/tags/0"}] * 30, "copies_too_large"),
        ([{"op": "copy", "from": "/nope", "path": "/a"}], "path_missing"),
        ([{"op": "copy", "path": "/a"}], "patch_malformed"),
        ([{"op": "remove", "path": "/nope"}, {"op": "drop", "path": "/tags"}], "patch_malformed"),
    ],
)
def test_bad_json_patch_changes_nothing(patch: object, code: str) -> None:
    document = {"tags": ["a"]}

    with pytest.raises(InvalidInputError) as caught:
        apply_patch(document, patch, patch_type=PatchType.JSON)

    assert [error.code for error in caught.value.errors] == [code]
    assert document == {"tags": ["a"]}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "test", "path": "/tags/0", "value": "a"}] * 1000, {"tags": ["a"]}),
        ([{"op": "copy", "from": "/tags", "path": "/more"}] * 50, {"tags": ["a"], "more": ["a"]}),
    ],
)
def test_longest_json_patch_is_applied(patch: object, expected: object) -> None:
    assert apply_patch({"tags": ["a"]}, patch, patch_type=PatchType.JSON) == expected


@pytest.mark.parametrize(("size", "is_accepted"), [(999_998, True), (999_999, False)])
def test_copies_of_a_patch_are_a_megabyte_at_most(size: int, is_accepted: bool) -> None:
    """JSON has two quotes around the text."""
    document = {"bio": "x" * size}
    patch = [{"op": "copy", "from": "/bio", "path": "/more"}]

    try:
        assert apply_patch(document, patch, patch_type=PatchType.JSON) == {**document, "more": document["bio"]}
    except InvalidInputError:
        assert not is_accepted
    else:
        assert is_accepted


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ([{"op": "test", "path": "/tags/0", "value": "a"}, {"op": "remove", "path": "/nope"}], "/1"),
        ([{"op": "test", "path": "/tags/0", "value": "b"}, {"op": "remove", "path": "/tags"}], "/0"),
        ([{"op": "remove", "path": "/tags"}, {"op": "add", "path": "/a", "value": 1}, {"op": "add"}], "/2"),
        ({}, ""),
    ],
)
def test_refusal_names_the_operation(patch: object, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        apply_patch({"tags": ["a"]}, patch, patch_type=PatchType.JSON)

    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_patch_that_nests_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(20_000):
        value = [value]
    patch = [{"op": "add", "path": "/a", "value": value}, {"op": "copy", "from": "/a", "path": "/b"}]

    with pytest.raises(InvalidInputError) as caught:
        apply_patch({}, patch, patch_type=PatchType.JSON)

    assert [error.code for error in caught.value.errors] == ["patch_too_deep"]
