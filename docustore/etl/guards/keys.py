"""A large set of identity keys in little memory. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

# 64 bits. Two keys with one digest hide the absence of one of them: one chance in 20 million for a million users.
DIGEST_BYTES: Final = 8
_BUCKET_BITS: Final = 12


def digests_of(keys: Iterable[str]) -> bytes:
    """Return the digests of keys, one after another."""
    return b"".join(blake2b(key.encode(), digest_size=DIGEST_BYTES).digest() for key in keys)


class KeySet:
    """Digests of keys, eight bytes each.

    A set of texts needs more than a hundred bytes for each.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._unsorted: set[int] = set()

    def add(self, digests: bytes) -> None:
        """Add the result of `digests_of`."""
        numbers = array("Q")
        numbers.frombytes(digests)
        for number in numbers:
            bucket = number >> (64 - _BUCKET_BITS)
            self._buckets.setdefault(bucket, array("Q")).append(number)
            self._unsorted.add(bucket)

    def __contains__(self, key: str) -> bool:
        """Tell whether the key was added."""
        number = array("Q", digests_of((key,)))[0]
        bucket = number >> (64 - _BUCKET_BITS)
        if bucket in self._unsorted:
            self._buckets[bucket] = array("Q", sorted(self._buckets[bucket]))
            self._unsorted.discard(bucket)
        found = self._buckets.get(bucket)
        if found is None:
            return False
        at = bisect_left(found, number)
        return at < len(found) and found[at] == number
