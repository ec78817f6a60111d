"""The pattern of a text: its shape without its content. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Final, TypedDict

MAX_PARTS: Final = 12
REST: Final = "..."
# Otherwise `a+b` and `ab` would have one pattern.
_ESCAPED: Final = frozenset("+\\")
_EXPRESSIONS: Final = {"A": r"[^\W\d_a-z]", "a": r"[^\W\d_A-Z]", "9": r"\d", " ": r"\s"}


class PatternCount(TypedDict):
    """A pattern and the number of users whose value has it."""

    pattern: str
    count: int


def pattern_of(text: str) -> str:
    r"""Describe a text by its kinds of characters.

    `A` is an upper-case letter, `a` another letter, `9` a digit, a space white space; any other character stands
    for itself. `+` means that the kind is repeated: `Ada Lovelace` is `Aa+ Aa+`. A plus sign and a backslash
    have a backslash in front: `UTC+1` is `A+\+9`. A long pattern ends with `...`.
    """
    runs = [(kind, sum(1 for _ in run)) for kind, run in groupby(text, key=_kind)]
    shown = "".join(kind + "+" * (length > 1) for kind, length in runs[:MAX_PARTS])
    return shown + REST * (len(runs) > MAX_PARTS)


def count_patterns(texts: Iterable[tuple[str, int]], *, limit: int) -> list[PatternCount]:
    """Count the patterns of texts, the most frequent first.

    Args:
        texts: Each text with the number of users that have it.
        limit: The number of patterns to return.
    """
    counts: Counter[str] = Counter()
    for text, users in texts:
        counts[pattern_of(text)] += users
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [PatternCount(pattern=pattern, count=users) for pattern, users in ordered[:limit]]


def expression_of(pattern: str) -> str | None:
    """Return the regular expression of a pattern; None for a pattern that was cut."""
    if pattern.endswith(REST):
        return None
    parts = re.findall(r"\\?(.)(\+)?", pattern, flags=re.DOTALL)
    return "".join(_EXPRESSIONS.get(kind, re.escape(kind)) + repeated for kind, repeated in parts)


def _kind(char: str) -> str:
    if char.isalpha():
        return "A" if char.isupper() else "a"
    if char.isdecimal():
        return "9"
    if char.isspace():
        return " "
    return f"\\{char}" if char in _ESCAPED else char
