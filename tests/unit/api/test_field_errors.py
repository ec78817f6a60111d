"""The sentences of field errors are for people and have stable codes."""

import re
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from docustore.api.field_errors import SENTENCES, field_error, field_errors, json_pointer, one_of
from docustore.etl.controller import TriggerInput
from docustore.users.schemas import BulkStatusInput, UserInput

# Words of pydantic, msgspec and Python that tell a client nothing.
FRAMEWORK_WORDS = re.compile(
    r"input|valid (string|boolean|integer|list|dictionary)|expected|enum|dict|str\b|int\b|bool\b|datetime|timezone"
    r"|value error|parse|after validation|`|instance|none\b|null$",
    re.IGNORECASE,
)
CODES = {
    "control_character", "email_malformed", "missing", "not_allowed", "not_http_url", "not_unicode",
    "out_of_range", "repeated_parameter", "status_unchanged", "time_malformed", "time_without_zone",
    "url_not_allowed", "not_in_language",
    "too_long", "too_short", "unknown_field", "unknown_parameter", "wrong_type",
}  # fmt: skip


@pytest.mark.parametrize("kind", SENTENCES)
def test_sentence_is_for_people(kind: str) -> None:
    names = [name for _, name, _, _ in Formatter().parse(SENTENCES[kind][1]) if name]

    error = field_error("/x", kind, dict.fromkeys(names, "VALUE"))

    assert not FRAMEWORK_WORDS.search(error.detail), error.detail
    assert error.detail.count("VALUE") == len(names)


def test_codes_are_stable() -> None:
    """Programs read them; a change breaks a client."""
    assert {code for code, _ in SENTENCES.values()} == CODES


def test_unknown_kind_has_a_general_sentence() -> None:
    error = field_error("/x", "a_new_kind")

    assert (error.code, "/schema" in error.detail) == ("invalid", True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just("x" * 6000),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=5), part, max_size=4),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["active", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "a@b.io", "", " ", "\0", "ftp://x"]
)


def documents(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    names = [*model.model_fields, "extra"]
    profile = st.dictionaries(st.sampled_from(["avatar", "bio", "location", "preferences", "x"]), JSON | WORDS)
    labels = st.lists(WORDS | JSON, max_size=4) | st.just(["a"] * 300)
    return JSON | st.dictionaries(st.sampled_from(names), JSON | WORDS | profile | labels, max_size=5)


@pytest.mark.parametrize("model", [UserInput, BulkStatusInput, TriggerInput])
def test_every_error_of_a_body_is_in_the_table(model: type[BaseModel]) -> None:
    @given(documents(model))
    def is_listed(document: Any) -> None:
        try:
            model.model_validate(document)
        except ValidationError as exc:
            assert {error["type"] for error in exc.errors()} <= SENTENCES.keys()  # noqa: PT017
            assert all(error.detail for error in field_errors(exc.errors()))  # noqa: PT017

    is_listed()


def test_allowed_words_are_listed() -> None:
    with pytest.raises(ValidationError) as caught:
        UserInput.model_validate({"email": "a@b.io", "status": "gone"})

    (error,) = field_errors(caught.value.errors())
    assert (error.pointer, error.code) == ("/status", "not_allowed")
    assert error.detail == f"must be {one_of(['active', 'inactive', 'suspended'])}"


@pytest.mark.parametrize(
    ("words", "expected"), [(["a"], "'a'"), (["a", "b"], "'a' or 'b'"), (["a", "b", "c"], "'a', 'b' or 'c'")]
)
def test_words_are_joined_as_a_sentence(words: list[str], expected: str) -> None:
    assert one_of(words) == expected


def test_pointer_escapes_its_parts() -> None:
    assert json_pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"


def test_prefix_stands_before_the_path() -> None:
    (error,) = field_errors([{"loc": (1,), "type": "missing"}], prefix=("role",))

    assert (error.pointer, error.code, error.detail) == ("/role/1", "missing", "this field is required")
