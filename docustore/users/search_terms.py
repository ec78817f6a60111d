"""The normalised terms under which a user is found by prefix."""

import re
from typing import Final

from anyascii import anyascii

# A term longer than this finds nothing more; it would only fatten the index.
MAX_TERM_CHARS: Final = 64
MAX_TERMS: Final = 40
_WORD: Final = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """Lower-case and strip accents and scripts down to ASCII: `Łódź` -> `lodz`, `Дмитрий` -> `dmitriy`."""
    return (text if text.isascii() else anyascii(text)).lower()


def search_terms(*, email: str, first_name: str, last_name: str) -> list[str]:
    """List the terms of one user: words of the names, the e-mail, its local part, its domain, and their words.

    Shape: unique, sorted, at most 40 terms of at most 64 characters, ASCII lower case.
    """
    address = fold(email)
    local, _, domain = address.rpartition("@")
    terms = {address, local, domain, *_WORD.findall(f"{fold(first_name)} {fold(last_name)} {address}")}
    terms.discard("")
    return sorted({term[:MAX_TERM_CHARS] for term in terms})[:MAX_TERMS]


def query_terms(query: str) -> list[str]:
    """Split what a person typed into prefixes, every one of which a user must have; may be empty."""
    words = (word.strip(".-_+'\"") for word in fold(query).split())
    return [word[:MAX_TERM_CHARS] for word in words if word]
