"""The normalised terms under which a user is found by prefix."""

import re
from functools import lru_cache
from typing import Final

from anyascii import anyascii

# A term longer than this finds nothing more; it would only fatten the index.
MAX_TERM_CHARS: Final = 64
MAX_TERMS: Final = 40
# No address holds one, and MongoDB refuses an expression with a null byte.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_WORD: Final = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """Lower-case and strip accents and scripts down to ASCII: `Łódź` -> `lodz`, `Дмитрий` -> `dmitriy`."""
    return (text if text.isascii() else _transliterated(text)).lower()


# A directory has far fewer names than people, and finding the ASCII of one costs ten times a look-up.
_transliterated: Final = lru_cache(maxsize=16_384)(anyascii)


def search_terms(*, email: str, first_name: str, last_name: str) -> list[str]:
    """List the terms of one user: words of the names, the e-mail, its local part, its domain, and their words.

    Shape: unique, sorted, at most 40 terms of at most 64 characters, ASCII lower case.
    """
    address = fold(email)
    local, _, domain = address.rpartition("@")
    words = _WORD.findall(f"{address} {fold(first_name)} {fold(last_name)}")
    # The address first: of a name with fifty words some may be missing, of an address none.
    terms = dict.fromkeys([term[:MAX_TERM_CHARS] for term in (address, local, domain, *words) if term])
    return sorted(list(terms)[:MAX_TERMS])


def query_terms(query: str) -> list[str]:
    """Split what a person typed into prefixes, every one of which a user must have; may be empty.

    An address stays whole; anything else is cut into words as names are: `O'Brien-Smith` -> `o, brien, smith`.
    """
    prefixes: list[str] = []
    for word in _CONTROL.sub(" ", fold(query)).split():
        prefixes += [word.strip(".-_+'\"")] if "@" in word.strip("@") else _WORD.findall(word)
    return [prefix[:MAX_TERM_CHARS] for prefix in prefixes]
