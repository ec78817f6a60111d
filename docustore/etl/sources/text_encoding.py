"""Find the encoding of a text file: UTF-8, UTF-16 or cp1252. Pure."""

import codecs
from collections.abc import Iterable
from typing import Final

UTF_8: Final = "utf-8-sig"
UTF_16: Final = "utf-16"
# What programs on Windows save where they do not say otherwise.
WINDOWS: Final = "cp1252"
UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(head: bytes, lines: Iterable[bytes]) -> str:
    """Name the encoding of a text.

    UTF-16 is known by its mark. A text is cp1252 if more of its lines are invalid UTF-8 than contain valid
    characters beyond ASCII. Otherwise it is UTF-8, and an invalid line is a damaged line.

    Args:
        head: The start of the text.
        lines: The whole text; it is read only if the text is not UTF-16.
    """
    if head.startswith(UTF_16_MARKS):
        return UTF_16
    valid = invalid = 0
    for line in lines:
        if line.isascii():
            continue
        try:
            line.removeprefix(codecs.BOM_UTF8).decode()
        except UnicodeDecodeError:
            invalid += 1
        else:
            valid += 1
    return WINDOWS if invalid > valid else UTF_8
