"""Split a JSON array into the texts of its elements, block by block. Pure.

The standard library's scanner finds the end of each element. It is lenient (NaN), and the text of an element stays
unchanged. Each record is checked later, on its own, so one bad element costs one record.
"""

import json
from collections.abc import Iterator
from typing import Final

_SCANNER: Final = json.JSONDecoder()
_BLANK: Final = " \t\r\n"
_IN_NUMBERS: Final = "0123456789.eE+-"


class ArrayMalformedError(ValueError):
    """The text is not a JSON array; `char` is the offset of the fault from the start."""

    def __init__(self, problem: str, *, char: int) -> None:
        super().__init__(f"{problem} at character {char}")
        self.char = char


def split_array(blocks: Iterator[str], *, max_element_chars: int, is_whole_text: bool = False) -> Iterator[str]:
    """Yield the text of each element of one JSON array.

    Args:
        blocks: The text in pieces, as read from a file.
        max_element_chars: A longer element counts as a missing bracket. This bounds memory.
        is_whole_text: No text may follow the array. The elements of a second array would be lost silently.

    Raises:
        ArrayMalformedError: The text is no array, an element cannot be scanned, or the text ends early or late.
    """
    scanner = _Scanner(blocks, max_element_chars)
    yield from _elements(scanner)
    if is_whole_text:
        scanner.take("")


def split_wrapped(blocks: Iterator[str], *, key: str, max_element_chars: int) -> Iterator[str]:
    """Yield the text of each element of the array under one key of a JSON object.

    Raises:
        ArrayMalformedError: The text is not one object with this key, or one of its parts cannot be scanned.
    """
    scanner = _Scanner(blocks, max_element_chars)
    scanner.take("{")
    while scanner.element() != f'"{key}"':
        scanner.take(":")
        scanner.element()
        scanner.take(",")
    scanner.take(":")
    yield from _elements(scanner)
    while scanner.peek() == ",":
        scanner.take(",")
        scanner.element()
        scanner.take(":")
        scanner.element()
    scanner.take("}")
    scanner.take("")


def _elements(scanner: "_Scanner") -> Iterator[str]:
    scanner.take("[")
    if scanner.peek() != "]":
        yield scanner.element()
        while scanner.peek() != "]":
            scanner.take(",")
            yield scanner.element()
    scanner.take("]")


class _Scanner:
    def __init__(self, blocks: Iterator[str], max_element_chars: int) -> None:
        self._blocks = blocks
        self._max = max_element_chars
        self._text = ""
        self._at = 0
        self._before = 0

    def peek(self) -> str:
        """Return the next character that is not blank, or an empty text at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, char: str) -> None:
        """Step over the expected next character; the empty text expects the end."""
        if self.peek() != char:
            raise self._malformed(f"expected {char!r}" if char else "expected the end")
        self._at += len(char)

    def element(self) -> str:
        self.peek()
        while True:
            try:
                _, end = _SCANNER.raw_decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError) as exc:
                if len(self._text) - self._at > self._max or not self._more():
                    raise self._malformed("not a JSON value") from exc
                continue
            # A number at the end of a block may continue in the next block.
            is_whole = end < len(self._text) and self._text[end] not in _IN_NUMBERS
            size = end - self._at
            # `_more` moves the element to the start of the text, so only its size still holds.
            if is_whole or not self._more():
                self._at += size
                return self._text[self._at - size : self._at]

    def _more(self) -> bool:
        block = next(self._blocks, "")
        self._before += self._at
        self._text = self._text[self._at :] + block
        self._at = 0
        return bool(block)

    def _malformed(self, problem: str) -> ArrayMalformedError:
        return ArrayMalformedError(problem, char=self._before + self._at)
