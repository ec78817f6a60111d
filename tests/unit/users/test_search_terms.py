"""The search terms of a user, and the prefixes of a search text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.users.search_terms import MAX_TERM_CHARS, MAX_TERMS, query_terms, search_terms


def found(query: str, *, email: str = "ada@example.org", first_name: str = "", last_name: str = "") -> bool:
    terms = search_terms(email=email, first_name=first_name, last_name=last_name)
    prefixes = query_terms(query)
    return bool(prefixes) and all(any(term.startswith(prefix) for term in terms) for prefix in prefixes)


@pytest.mark.parametrize(
    ("query", "user"),
    [
        ("lov", {"last_name": "Lovelace"}),
        ("ADA LOVE", {"first_name": "Ada", "last_name": "Lovelace"}),
        ("lodz", {"last_name": "Łódź"}),
        ("Łódź", {"last_name": "Lodz"}),
        ("dmitr", {"first_name": "Дмитрий"}),
        ("o'brien-sm", {"last_name": "O'Brien-Smith"}),
        ("smith", {"last_name": "O'Brien-Smith"}),
        ("grace.hopper", {"email": "grace.hopper@navy.example"}),
        ("grace.hopper@na", {"email": "grace.hopper@navy.example"}),
        ("navy.example", {"email": "grace.hopper@navy.example"}),
    ],
)
def test_word_prefixes_find(query: str, user: dict[str, str]) -> None:
    assert found(query, **user)


@pytest.mark.parametrize("query", ["elace", "lovelace ada grace", "", "  ", "@", "'-"])
def test_other_text_does_not_find(query: str) -> None:
    assert not found(query, first_name="Ada", last_name="Lovelace")


@given(st.text(max_size=400), st.text(max_size=400))
def test_terms_are_bounded_and_ascii(first_name: str, last_name: str) -> None:
    terms = search_terms(email="a@example.org", first_name=first_name, last_name=last_name)

    assert len(terms) <= MAX_TERMS
    assert all(term.isascii() and 0 < len(term) <= MAX_TERM_CHARS for term in terms)
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("query", ["ada@\0", "a\0da@x", "\x7f@x", "ada@x\x1by"])
def test_control_characters_separate_words(query: str) -> None:
    """MongoDB refuses an expression with a null byte."""
    assert all(prefix.isprintable() for prefix in query_terms(query))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_every_name_is_found_by_itself(name: str) -> None:
    """In any script: the search text and the stored name are transliterated in the same way."""
    if query_terms(name):
        assert found(name, first_name=name)


def test_forty_terms_are_kept_the_address_first() -> None:
    """Of a name with fifty words some may be missing, of an address none."""
    words = [f"w{n:02}" for n in range(50)]

    terms = search_terms(email="zoe@xy.example", first_name=" ".join(words), last_name="")

    assert terms == sorted(["zoe@xy.example", "zoe", "xy.example", "xy", "example", *words[:35]])


@pytest.mark.parametrize("chars", [63, 64, 65])
def test_term_is_cut_to_64_characters(chars: int) -> None:
    terms = search_terms(email="a@b.c", first_name="x" * chars, last_name="")

    assert "x" * min(chars, 64) in terms
    assert query_terms("x" * chars) == ["x" * min(chars, 64)]


@pytest.mark.parametrize(
    ("query", "prefixes"),
    [
        ("ada.lovelace@example.org.", ["ada.lovelace@example.org"]),
        ("@example.org", ["example", "org"]),
        ("ada@", ["ada"]),
        ("O'Brien-Smith ada@x", ["o", "brien", "smith", "ada@x"]),
    ],
)
def test_address_stays_whole_and_names_are_cut(query: str, prefixes: list[str]) -> None:
    assert query_terms(query) == prefixes
