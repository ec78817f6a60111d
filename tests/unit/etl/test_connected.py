"""Which users of a batch must be written together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docustore.etl.connected import connected


@pytest.mark.parametrize(
    ("records_of_users", "groups"),
    [
        ([], []),
        ([{0}], [[0]]),
        ([{0}, {1}], [[0], [1]]),
        ([{0}, {1}, {0}], [[0, 2], [1]]),
        ([{0}, {1}, {0, 1}], [[0, 1, 2]]),
        ([set(), set()], [[0], [1]]),
        ([{3}, {2}, {1}, {1, 2}, {2, 3}, {9}], [[0, 1, 2, 3, 4], [5]]),
    ],
)
def test_users_with_a_common_record_are_one_group(
    records_of_users: list[set[int]], groups: list[list[int]]
) -> None:
    assert connected(records_of_users) == groups


@given(st.lists(st.sets(st.integers(0, 9), max_size=3), max_size=12))
def test_groups_share_no_record_and_cover_every_user(records_of_users: list[set[int]]) -> None:
    groups = connected(records_of_users)

    records = [set().union(*(records_of_users[user] for user in group)) for group in groups]
    assert sorted(user for group in groups for user in group) == list(range(len(records_of_users)))
    assert sum(map(len, records)) == len(set().union(*records))
