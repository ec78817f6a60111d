"""The normalised terms of a user, for search by prefix."""

import re
from functools import lru_cache
from typing import Final

from anyascii import anyascii

# A longer term would enlarge the index and find no more users.
MAX_TERM_CHARS: Final = 64
MAX_TERMS: Final = 40
# No address contains a control character, and MongoDB refuses an expression with a null byte.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_WORD: Final = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """Transliterate to lower-case ASCII: `Łódź` -> `lodz`, `Дмитрий` -> `dmitriy`.

    A value of another client that is no text has no terms.
    """
    if type(text) is not str:
        return ""
    return (text if text.isascii() else _transliterated(text)).lower()


# A directory has far fewer names than people. A transliteration costs ten times as much as a look-up in the cache.
_transliterated: Final = lru_cache(maxsize=16_384)(anyascii)


def search_terms(*, email: str, first_name: str, last_name: str) -> list[str]:
    """List the search terms of one user.

    The terms are the e-mail address, its local part, its domain, and the words of the address and the names.

    Shape: unique, sorted, at most 40 terms of at most 64 characters, ASCII lower case.
    """
    address = fold(email)
    local, _, domain = address.rpartition("@")
    words = _WORD.findall(f"{address} {fold(first_name)} {fold(last_name)}")
    # The address is first: words of a very long name may be cut off, but no part of the address.
    terms = dict.fromkeys([term[:MAX_TERM_CHARS] for term in (address, local, domain, *words) if term])
    return sorted(list(terms)[:MAX_TERMS])


def query_terms(query: str) -> list[str]:
    """Split the text of a search into prefixes; the result may be empty.

    A user must match every prefix. An address is one prefix. Other text is split into words in the same way as
    names: `O'Brien-Smith` -> `o, brien, smith`.
    """
    prefixes: list[str] = []
    for word in _CONTROL.sub(" ", fold(query)).split():
        prefixes += [word.strip(".-_+'\"")] if "@" in word.strip("@") else _WORD.findall(word)
    return [prefix[:MAX_TERM_CHARS] for prefix in prefixes]
