"""The partition of a user: a function of its `_id`. Pure.

The server evaluates it in change streams, queries and aggregations, so there is one implementation. It knows every
type of `_id` and never fails: an error would end the stream. Ids of one writer are spread evenly over the
partitions. That concerns speed only; each id has exactly one partition in any case.
"""

from typing import Any, Final

from bson.binary import UUID_SUBTYPE, Binary

HEX_DIGITS: Final = "0123456789abcdef"
_BUCKETS: Final = 256
_UUID_BYTES: Final = 16
# Which of two characters stands first in an id of any length. A hash function of the server would be better;
# MongoDB 6.0 has none. Characters beyond ASCII do not matter, so an id that is not UTF-8 has the same partition
# after its bytes were replaced.
_PAIRS: Final = (("0", "1"), ("2", "3"), ("4", "5"), ("6", "7"), ("8", "9"), ("a", "e"), ("n", "r"), ("o", "s"))
# Odd, so that each pair alone decides between two partitions.
_WEIGHTS: Final = (1, 3, 5, 7, 11, 13, 17, 19)

Expression = dict[str, Any]


def partition_of(user_id: str, *, of: int) -> Expression:
    """Return the expression of the partition, 0 to `of` - 1.

    Args:
        user_id: The path of the id, such as `$_id`.
    """
    return {"$mod": [{"$abs": _bucket(user_id)}, of]}


def is_in(user_id: str, *, index: int, of: int) -> Expression:
    """Return the condition of the users of one partition."""
    return {"$eq": [partition_of(user_id, of=of), index]}


def _bucket(user_id: str) -> Expression:
    """Return an integer between -255 and 255, 0 for a type without a rule."""
    kind = {"$type": user_id}
    return {
        "$switch": {
            "branches": [
                {"case": {"$eq": [kind, "objectId"]}, "then": _last_byte(user_id)},
                {"case": {"$eq": [kind, "string"]}, "then": _order_of_characters(user_id)},
                {"case": {"$in": [kind, ["int", "long"]]}, "then": {"$mod": [user_id, _BUCKETS]}},
                {"case": {"$eq": [kind, "binData"]}, "then": _first_digit(user_id, 0, len(HEX_DIGITS))},
            ],
            "default": 0,
        }
    }


def _last_byte(object_id: str) -> Expression:
    """Return the last byte of an ObjectId: the end of its writer's counter."""
    digits = [{"$indexOfBytes": [HEX_DIGITS, {"$substrBytes": ["$$text", place, 1]}]} for place in (22, 23)]
    value = {"$add": [{"$multiply": [len(HEX_DIGITS), digits[0]]}, digits[1]]}
    return {"$let": {"vars": {"text": {"$toString": object_id}}, "in": value}}


def _order_of_characters(text: str) -> Expression:
    def is_first(one: str, other: str) -> Expression:
        return {"$lt": [{"$indexOfBytes": [text, one]}, {"$indexOfBytes": [text, other]}]}

    weighted = zip(_PAIRS, _WEIGHTS, strict=True)
    return {"$add": [{"$cond": [is_first(*pair), weight, 0]} for pair, weight in weighted]}


def _first_digit(binary: str, low: int, high: int) -> Expression | int:
    """Return the first hexadecimal digit of a UUID, by comparison.

    The server has no access to the bytes of binary data. Ids of another length or subtype are 0 or 15.
    """
    if high - low == 1:
        return low
    middle = (low + high) // 2
    bound = Binary(bytes([middle << 4]).ljust(_UUID_BYTES, b"\x00"), UUID_SUBTYPE)
    below, above = _first_digit(binary, low, middle), _first_digit(binary, middle, high)
    return {"$cond": [{"$lt": [binary, bound]}, below, above]}
