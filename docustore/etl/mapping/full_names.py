"""Split the full name of a person into first and last name. Pure.

The rules are for names in Latin script. They are a guess: the words of a name do not show which of them is the
family's.
"""

from enum import StrEnum
from typing import Final

# Words that belong to the last name when they stand before it.
# fmt: off
PARTICLES: Final = frozenset({
    "af", "al", "av", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e",
    "el", "i", "ibn", "la", "las", "le", "los", "ten", "ter", "van", "vom", "von", "y", "zu", "zum", "zur", "'t",
})
# fmt: on
# These join two last names: `Ortega y Gasset`.
CONNECTORS: Final = frozenset({"e", "i", "y"})
# Words after a comma that are no first name: `Doe, Jr.`
SUFFIXES: Final = frozenset({"ii", "iii", "iv", "jr", "jun", "md", "phd", "sen", "sr"})


class NameOrder(StrEnum):
    """The order of the words in a full name.

    `auto`: the last name first if there is a comma, otherwise the first name first.
    """

    AUTO = "auto"
    FIRST_LAST = "first last"
    LAST_FIRST = "last first"


def split_name(full_name: str, order: NameOrder) -> tuple[str, str]:
    """Return the first and the last name; one of them may be empty.

    A comma ends the last name, in every order.
    """
    last, comma, first = full_name.partition(",")
    if comma and not _is_suffix(first):
        return " ".join(first.split()), " ".join(last.split())
    words = full_name.replace(",", " ").split()
    if order is NameOrder.LAST_FIRST:
        end = _end_of_last_name(words)
        return " ".join(words[end:]), " ".join(words[:end])
    start = _start_of_last_name(words)
    return " ".join(words[:start]), " ".join(words[start:])


def _start_of_last_name(words: list[str]) -> int:
    start = len(words) - 1
    while start > 0 and _is_suffix(words[start]):
        start -= 1
    while start > 0 and words[start - 1].casefold() in PARTICLES:
        start -= 1
        # `y` joins the word before it too, unless no first name would be left.
        if words[start].casefold() in CONNECTORS and start > 1:
            start -= 1
    # One word alone is a first name.
    return len(words) if len(words) == 1 else max(start, 0)


def _end_of_last_name(words: list[str]) -> int:
    end = 0
    while end < len(words) - 1 and words[end].casefold() in PARTICLES:
        end += 1
    return min(end + 1, len(words))


def _is_suffix(text: str) -> bool:
    return text.strip().rstrip(".").replace(".", "").casefold() in SUFFIXES
