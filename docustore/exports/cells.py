"""Texts in the cells of a table that spreadsheets open. Pure.

A spreadsheet runs a cell that starts like a formula: https://owasp.org/www-community/attacks/CSV_Injection
Such a text gets an apostrophe in front. So does a text of apostrophes and then such a start, so that one
apostrophe less is always the text again. All other texts stay as they are, also `'s-Hertogenbosch`.
"""

import re
from typing import Final

# Tab, carriage return and line feed, and the full-width forms that some spreadsheets read as ASCII.
_STARTS: Final = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
# An empty text that may also be absent is one apostrophe: an empty cell is an absent value.
_UNSAFE: Final = re.compile(rf"'*[{_STARTS}]")
_SHIELDED: Final = re.compile(rf"'+[{_STARTS}]")
SHIELD: Final = "'"


def to_cell(text: str) -> str:
    """Make a text harmless; `from_cell` gives it back."""
    return SHIELD + text if _UNSAFE.match(text) else text


def from_cell(cell: str) -> str:
    """Return the text of a cell that `to_cell` has made."""
    return cell[1:] if _SHIELDED.match(cell) else cell


def to_optional_cell(text: str | None) -> str:
    """Make a text harmless that may be absent: an absent one is an empty cell."""
    if text is None:
        return ""
    return SHIELD + text if not text.strip(SHIELD) else to_cell(text)


def from_optional_cell(cell: str) -> str | None:
    """Return the text of a cell that `to_optional_cell` has made."""
    if not cell:
        return None
    return cell[1:] if not cell.strip(SHIELD) else from_cell(cell)
