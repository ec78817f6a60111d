"""The stored form of an e-mail address, as an expression of the server. Pure.

Other clients write users too. The collection's validator uses this expression, so that `UP@o.example` and
`up@o.example` are never two users. It matches every result of `docustore.users.email.normalise_email`.

It refuses white space, control characters, upper case of any script, a basic Latin letter with a separate accent
that NFC would join, a domain in ASCII form (`xn--`) or with fullwidth characters, and a domain without a dot. It
cannot see other spellings that Unicode treats as equal, such as a Greek letter with a separate accent.
"""

import unicodedata
from string import ascii_lowercase
from typing import Final

_MARKS: Final = [chr(code) for code in range(0x300, 0x370)]
# PCRE's properties for upper case do not cover Roman numerals and circled letters, which also have a lower case.
_UPPER_CASE: Final = r"\p{Lu}\p{Lt}\x{2160}-\x{216F}\x{24B6}-\x{24CF}"
# These capital letters have no lower case, so the stored form may contain them.
_WITHOUT_LOWER_CASE: Final = (
    r"\x{3D2}-\x{3D4}\x{2102}-\x{2125}\x{2128}\x{212C}-\x{2131}\x{2133}-\x{2145}\x{1D400}-\x{1D7CA}"
)
_NEVER: Final = rf"@\p{{Z}}\p{{Cc}}{_UPPER_CASE}"
_ASCII_LOCAL: Final = r"[!-?\[-~]++"
_ASCII_LABEL: Final = "[0-9a-z-]++"
_FULLWIDTH: Final = r"\x{3002}\x{FF01}-\x{FF61}"


def stored_email_pattern() -> str:
    """Make the expression, in the syntax of PCRE with Unicode properties."""
    # Almost every address is ASCII. The uncommon part would cost the server 4 us more per write.
    common = rf"{_ASCII_LOCAL}@(?:(?!xn--){_ASCII_LABEL}\.)+(?!xn--){_ASCII_LABEL}"
    local = rf"(?:[^{_NEVER}]|[{_WITHOUT_LOWER_CASE}])+"
    label = rf"(?!xn--)[^{_NEVER}.{_FULLWIDTH}]+"
    uncommon = rf"(?!.*(?:{_separate_accents()})){local}@(?:{label}\.)+{label}"
    # `\z`, because `$` would allow a line break at the end.
    return rf"^(?:{common}|{uncommon})\z"


def _separate_accents() -> str:
    """Match a letter and a mark that are one character in NFC."""
    letters_before = {
        mark: "".join(letter for letter in ascii_lowercase if not unicodedata.is_normalized("NFC", letter + mark))
        for mark in _MARKS
    }
    return "|".join(f"[{letters}]{mark}" for mark, letters in letters_before.items() if letters)


STORED_EMAIL_PATTERN: Final = stored_email_pattern()
