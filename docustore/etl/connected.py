"""Find which users of a batch must be written together. Pure."""

from collections.abc import Collection, Sequence


def connected(records_of_users: Sequence[Collection[int]]) -> list[list[int]]:
    """Group users that share a record, directly or through other users.

    A record that moves an identity changes two users. If only one of them is written, the identity is lost.

    Args:
        records_of_users: For each user, the indexes of the records that changed it.

    Returns:
        The indexes of the users, each in exactly one group, all in ascending order.
    """
    # A forest: each user points to another user of its group; a root points to itself.
    above = list(range(len(records_of_users)))
    first_user: dict[int, int] = {}
    for user, records in enumerate(records_of_users):
        for record in records:
            root, other = _root(above, user), _root(above, first_user.setdefault(record, user))
            above[max(root, other)] = min(root, other)
    groups: dict[int, list[int]] = {}
    for user in range(len(above)):
        groups.setdefault(_root(above, user), []).append(user)
    return list(groups.values())


def _root(above: list[int], user: int) -> int:
    while above[user] != user:
        above[user] = above[above[user]]
        user = above[user]
    return user
