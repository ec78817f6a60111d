"""A large set of identity keys in little memory. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from sys import byteorder
from typing import Final

# 64 bits. Two keys with one digest hide the absence of one of them: one chance in 20 million for a million users.
DIGEST_BYTES: Final = 8
_BUCKET_BITS: Final = 12
_SHIFT: Final = 8 * DIGEST_BYTES - _BUCKET_BITS


def digests_of(keys: Iterable[str]) -> bytes:
    """Return the digests of keys, one after another."""
    return b"".join(blake2b(key.encode(), digest_size=DIGEST_BYTES).digest() for key in keys)


class KeySet:
    """Digests of keys, eight bytes each.

    A set of texts needs more than a hundred bytes for each.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(1 << _BUCKET_BITS)]
        self._is_sorted = bytearray(1 << _BUCKET_BITS)

    def add(self, digests: bytes) -> None:
        """Add the result of `digests_of`."""
        numbers = array("Q")
        numbers.frombytes(digests)
        buckets = self._buckets
        for number in numbers:
            buckets[number >> _SHIFT].append(number)
        self._is_sorted = bytearray(1 << _BUCKET_BITS)

    def __contains__(self, key: str) -> bool:
        """Tell whether the key was added."""
        digest = blake2b(key.encode(), digest_size=DIGEST_BYTES).digest()
        number = int.from_bytes(digest, byteorder)
        at = number >> _SHIFT
        if not self._is_sorted[at]:
            self._buckets[at] = array("Q", sorted(self._buckets[at]))
            self._is_sorted[at] = 1
        bucket = self._buckets[at]
        place = bisect_left(bucket, number)
        return place < len(bucket) and bucket[place] == number
