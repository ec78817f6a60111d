"""What a search text finds: the rule, and that the index follows it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.users.search_index import conditions_of, search_document
from docustore.users.search_words import (
    MAX_PARTS,
    MAX_WORDS,
    atoms,
    fragment_of,
    is_looked_up,
    matches,
    query_parts,
    tails,
    user_words,
)

NAMES = {"email": "grace.hopper17@navy.example", "first_name": "Grace", "last_name": "Hopper"}


def found(query: str, **user: str) -> bool:
    words = user_words(**{"email": "", "first_name": "", "last_name": "", **user})
    parts = query_parts(query)
    return bool(parts) and all(matches(words, part) for part in parts)


@pytest.mark.parametrize(
    ("query", "user"),
    [
        ("donald", {"last_name": "McDonald"}),
        ("obrien", {"last_name": "O'Brien"}),
        ("O'Brien", {"last_name": "OBrien-Smith"}),
        ("brien", {"last_name": "O'Brien"}),
        ("elac", {"last_name": "Lovelace"}),
        ("ŁÓD", {"last_name": "Lodzinski"}),
        ("mitri", {"first_name": "Дмитрий"}),
        ("王", {"last_name": "王小明"}),
        ("明", {"last_name": "王小明"}),
        ("小明", {"last_name": "王小明"}),
        ("xiaoming", {"last_name": "王小明"}),
        ("김", {"last_name": "김민준"}),
        ("hopper17", NAMES),
        ("per17", NAMES),
        ("17", NAMES),
        ("race hop", NAMES),
        ("grace.hopper17@na", NAMES),
        ("xampl", NAMES),
        ("navy.example", NAMES),
        ("2983", {"email": "u8372983@x.org"}),
        ("72", {"email": "u8372983@x.org"}),
        ("gr", NAMES),
        ("g h", NAMES),
    ],
)
def test_part_of_any_word_finds(query: str, user: dict[str, str]) -> None:
    assert found(query, **user)


@pytest.mark.parametrize(
    ("query", "user"),
    [
        ("ra", NAMES),  # two letters must begin a word
        ("na", NAMES),  # not of the domain: nearly every user would match `co` of a `.com`
        ("per18", NAMES),
        ("r17h", NAMES),
        ("@@", NAMES),
        ("hopper17@", {"email": "grace@navy.example", "last_name": "Hopper"}),
        ("hopper@navy", NAMES),
        ("大", {"last_name": "王小明"}),
        ("2938", {"email": "u8372983@x.org"}),
    ],
)
def test_other_text_does_not_find(query: str, user: dict[str, str]) -> None:
    assert not found(query, **user)


def test_at_most_eight_parts_count() -> None:
    assert [part.text for part in query_parts("a b c d e f g h i")] == list("abcdefgh")
    assert len(query_parts("王小明" * 9)) == 3
    assert len(query_parts(" ".join(chr(0x4E00 + n) for n in range(20)))) == MAX_PARTS


@pytest.mark.parametrize("value", [None, 1, ["ada"], {"a": 1}, b"ada", "\ud800"])
def test_any_value_of_other_clients_is_taken(value: Any) -> None:
    user = {"email": value, "first_name": value, "last_name": "Ada", "deleted_at": None}

    assert "ada" in (search_document(user) or {})["words"]


def test_deleted_user_has_no_document() -> None:
    assert search_document({**NAMES, "deleted_at": 1}) is None
    assert search_document({"_id": 1}) is None


def test_order_and_status_stand_beside_the_words() -> None:
    user = {**NAMES, "status": "active", "created_at": 5}

    assert search_document(user) == {
        "words": ["grace", "hopper", "17", "_er_17", "@navy.example"],
        "mixed": ["hopper17"],
        "address": "grace.hopper17@navy.example",
        "status": "active",
        "created_at": 5,
    }


def test_list_in_place_of_a_time_is_left_out() -> None:
    """The server cannot index two lists of one document together: it would refuse the words too."""
    document = search_document({**NAMES, "created_at": [5, 6]})

    assert document is not None
    assert document["created_at"] is None


LETTERS = st.text(alphabet="abcAB", max_size=6)
PIECES = st.one_of(
    LETTERS, st.text(alphabet="0123", max_size=6), st.sampled_from(["'", "-", " ", ".", "王", "小", "ä"])
)
NAME = st.lists(PIECES, max_size=6).map("".join)
WORD = st.lists(st.one_of(LETTERS, st.text(alphabet="0123", max_size=6)), min_size=1, max_size=3).map("".join)
USER = st.fixed_dictionaries(
    {
        "email": st.tuples(WORD, WORD).map(lambda both: f"{both[0]}@{both[1]}.org"),
        "first_name": NAME,
        "last_name": NAME,
    }
)


def is_met(condition: dict[str, Any], document: dict[str, Any]) -> bool:
    """Judge one condition as the server does."""
    ((name, wanted),) = condition.items()
    values = document.get(name, [])
    values = [values] if isinstance(values, str) else values
    if isinstance(wanted, str):
        return wanted in values
    if "$in" in wanted:
        return any(value in wanted["$in"] for value in values)
    return any(re.search(wanted["$regex"], value) for value in values)


@given(user=USER, start=st.integers(0, 30), length=st.integers(1, 8), other=NAME)
def test_index_follows_the_rule(user: dict[str, str], start: int, length: int, other: str) -> None:
    """The conditions and the looked-up atoms find exactly the users that match."""
    words, document = user_words(**user), search_document(user) or {}
    text = f"{user['email']} {user['first_name']} {user['last_name']}"
    vocabulary = [atom for atom in atoms(words) if is_looked_up(atom)]

    for query in (text[start : start + length], other):
        for part in query_parts(query):
            fragment = fragment_of(part) or ""
            looked_up = [
                atom
                for atom in vocabulary
                if fragment in atom and any(tail.startswith(fragment[:8]) for tail in tails(atom))
            ]
            conditions = conditions_of(part, {fragment: looked_up})
            assert conditions
            assert all(is_met(each, document) for each in conditions) == matches(words, part), part


@given(st.text(alphabet="abc", min_size=1, max_size=20), st.data())
def test_every_fragment_begins_a_tail(atom: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(atom) - 1))
    fragment = atom[start : data.draw(st.integers(start + 1, len(atom)))]

    assert any(tail.startswith(fragment[:8]) for tail in tails(atom))


@given(st.text(max_size=700), st.text(max_size=700))
def test_words_are_bounded(first_name: str, last_name: str) -> None:
    words = user_words(email="a@example.org", first_name=first_name, last_name=last_name)

    assert len(words.words) <= MAX_WORDS
    assert len(words.signs) <= MAX_WORDS
    assert all(word.isascii() and word.isalnum() and len(word) <= 64 for word in words.words)


@given(st.text(max_size=60))
def test_any_query_has_a_meaning(query: str) -> None:
    """No part holds a control character, which the server refuses in an expression."""
    assert all(part.text and (part.is_sign or part.text.isprintable()) for part in query_parts(query))
