"""The words of a user, and the parts of a search text that they match. Pure.

A *word* is a run of letters and digits of a name or an e-mail address, folded to lower-case ASCII; a name with
punctuation is also one word without it (`O'Brien` -> `o`, `brien`, `obrien`). A *sign* is a character of a script
without letters (Chinese, Japanese, Korean). A part of a search text matches a user if one of the words contains
it. A part of one or two letters must begin a word of a name or of the local part of an address, or the letters
after a digit. A sign must be one of the signs.

An *atom* is what is indexed: the letters of a word, its digits (three at a time where there are more), a sign, the
whole domain, and the joints between letters and digits (`hopper17` -> `_er_17`). Directories have far fewer
different atoms than users. So the atoms that contain a part are looked up first, then the users that have them.
Atoms do not tell how a word is put together: `mixed` words are compared whole.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from docustore.users.search_terms import fold

MAX_WORD_CHARS: Final = 64
MAX_WORDS: Final = 40
MAX_LABELS: Final = 10
MAX_ADDRESS_CHARS: Final = 320
# Other clients may write longer names. The rest of one is not searched.
MAX_FIELD_CHARS: Final = 500
MAX_PARTS: Final = 8
# A part of fewer letters is in too many words: it must begin one.
MIN_INNER_LETTERS: Final = 3
DIGITS_AT_ONCE: Final = 3
# In no word, and without a meaning in an expression.
JOINT: Final = "_"
# An index of longer tails would be larger and find no less: the look-up compares the whole atom.
TAIL_CHARS: Final = 8
_WORD: Final = re.compile(r"[a-z0-9]+")
_RUN: Final = re.compile(r"[a-z]+|[0-9]+")
_NAME: Final = re.compile(r"\S+")
# Kana, Han and Hangul.
_SIGNS: Final = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
_SIGN: Final = re.compile(f"[{_SIGNS}]")
_SIGN_OR_REST: Final = re.compile(f"[{_SIGNS}]|[^{_SIGNS}]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_EDGES: Final = ".-_+'\""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserWords:
    """What a user is found by.

    Words of the names and the local part, those of the domain, signs, and the folded address.
    """

    words: tuple[str, ...]
    labels: tuple[str, ...]
    signs: tuple[str, ...]
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a search text; a user must match every part.

    With `is_address` it is the begin of an address, with `is_sign` one sign; otherwise a part of a word.
    """

    text: str
    is_address: bool = False
    is_sign: bool = False

    @property
    def runs(self) -> list[str]:
        """The runs of letters and of digits of a part of a word."""
        return _RUN.findall(self.text)

    @property
    def is_short(self) -> bool:
        """Tell whether the part must begin a word."""
        return len(self.text) < MIN_INNER_LETTERS and self.text.isalpha()


def user_words(*, email: object, first_name: object, last_name: object) -> UserWords:
    """List the words of one user; values that are no text count as empty."""
    address = fold(_text(email))
    local, _, domain = address.rpartition("@")
    names = unicodedata.normalize("NFKC", f"{_text(first_name)} {_text(last_name)}")
    words = dict.fromkeys(_WORD.findall(local))
    folded = fold(names)
    words |= dict.fromkeys(_WORD.findall(folded))
    if not folded.replace(" ", "").isalnum():
        words |= dict.fromkeys("".join(_WORD.findall(name)) for name in _NAME.findall(folded))
    cut = (word[:MAX_WORD_CHARS] for word in words if word)
    signs = () if names.isascii() else tuple(dict.fromkeys(_SIGN.findall(names)))[:MAX_WORDS]
    return UserWords(
        words=tuple(dict.fromkeys(cut))[:MAX_WORDS],
        labels=tuple(label[:MAX_WORD_CHARS] for label in _WORD.findall(domain))[:MAX_LABELS],
        signs=signs,
        address=address[:MAX_ADDRESS_CHARS],
    )


def atoms(found: UserWords) -> list[str]:
    """List the atoms of a user; unique, the domain last."""
    unique: dict[str, None] = {}
    for word in found.words:
        for run in _RUN.findall(word):
            unique.update(dict.fromkeys(_atoms_of_run(run)))
    for word in (*found.words, *found.labels):
        # A leading sign: the letters of a joint begin no word.
        unique.update(dict.fromkeys(f"{JOINT}{joint}" for joint in _joints(word)))
    domain = [f"@{'.'.join(found.labels)}"] if found.labels else []
    return [*unique, *found.signs, *domain]


def mixed_words(found: UserWords) -> list[str]:
    """List the words that their atoms do not describe: several runs, or many digits."""
    return [word for word in (*found.words, *found.labels) if is_mixed(word)]


def is_mixed(word: str) -> bool:
    """Tell whether a word, or a part of one, is more than one atom."""
    return not word.isalpha() and not (word.isdigit() and len(word) <= DIGITS_AT_ONCE)


def tails(atom: str) -> list[str]:
    """List the begins of an atom's tails.

    The atom contains a part if a tail begins with the part. A joint is only found as one.
    """
    if atom.startswith(JOINT):
        return [atom[start:] for start in range(1, atom.index(JOINT, 1))]
    pieces = _WORD.findall(atom)
    every = (piece[start : start + TAIL_CHARS] for piece in pieces for start in range(len(piece)))
    return list(dict.fromkeys(every))


def is_looked_up(atom: str) -> bool:
    """Tell whether searches look the atom up; a sign is found by itself."""
    return atom.isascii()


def fragment_of(part: Part) -> str | None:
    """Choose what every user that matches has in one atom.

    It is the part, or its first joint, or its first digits. None for a part that is found without its atoms.
    """
    if part.is_sign or part.is_address or part.is_short:
        return None
    if not is_mixed(part.text):
        return part.text
    return next(iter(_joints(part.text)), part.text[:DIGITS_AT_ONCE])


def query_parts(query: str) -> list[Part]:
    """Split a search text into its parts, at most eight; may be empty.

    `O'Brien-Smith` is `o`, `brien`, `smith`. A text with an @-sign inside is the begin of an address.
    """
    parts: dict[Part, None] = {}
    for word in _CONTROL.sub(" ", query).split():
        parts |= dict.fromkeys(_parts_of(word))
    return list(parts)[:MAX_PARTS]


def matches(found: UserWords, part: Part) -> bool:
    """Tell whether a user matches a part."""
    if part.is_sign:
        return part.text in found.signs
    if part.is_address:
        return found.address.startswith(part.text)
    if part.is_short:
        return any(run.startswith(part.text) for word in found.words for run in _RUN.findall(word))
    return any(part.text in word for word in (*found.words, *found.labels))


def user_matches(user: Mapping[str, Any], parts: Iterable[Part]) -> bool:
    """Tell whether a stored user matches every part."""
    found = user_words(email=user.get("email"), first_name=user.get("first_name"), last_name=user.get("last_name"))
    return all(matches(found, part) for part in parts)


def _parts_of(word: str) -> Iterator[Part]:
    if "@" in word.strip("@"):
        if address := fold(word).strip(_EDGES):
            yield Part(text=address[:MAX_ADDRESS_CHARS], is_address=True)
        return
    for piece in _SIGN_OR_REST.findall(unicodedata.normalize("NFKC", word)):
        if _SIGN.match(piece):
            yield Part(text=piece, is_sign=True)
        else:
            for text in _WORD.findall(fold(piece)):
                yield Part(text=text[:MAX_WORD_CHARS])


def _atoms_of_run(run: str) -> Iterator[str]:
    if run.isdigit() and len(run) > DIGITS_AT_ONCE:
        for start in range(len(run) - DIGITS_AT_ONCE + 1):
            yield run[start : start + DIGITS_AT_ONCE]
    else:
        yield run


def _joints(word: str) -> Iterator[str]:
    """List where letters and digits meet: two characters of each side."""
    for left, right in pairwise(_RUN.findall(word)):
        yield f"{left[-2:]}{JOINT}{right[:2]}"


def _text(value: object) -> str:
    return value[:MAX_FIELD_CHARS] if isinstance(value, str) else ""
