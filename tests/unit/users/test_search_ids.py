"""Which searches read their matches in order, as a value; no server."""

from typing import Any

import pytest

from docustore.users.search_ids import MERGED_RANGES, is_merged

FEW = {"words": {"$in": ["hopper"] * MERGED_RANGES}}
MANY = {"words": {"$in": ["hopper"] * (MERGED_RANGES + 1)}}
BEGIN = {"words": {"$regex": "^ho"}}
ADDRESS = {"address": {"$regex": "^grace@"}}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([FEW], True),
        ([MANY], False),
        ([BEGIN], False),
        ([ADDRESS], False),
        ([{"words": "\u5c71"}], True),
        # The server chooses the narrow condition and checks the others.
        ([BEGIN, FEW], True),
        ([MANY, ADDRESS], False),
    ],
)
def test_few_ranges_are_merged(conditions: list[dict[str, Any]], expected: bool) -> None:
    assert is_merged({"$and": conditions}) is expected


def test_nothing_is_merged_without_a_filter() -> None:
    assert is_merged(None) is False
