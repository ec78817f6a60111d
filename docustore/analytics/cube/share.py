"""What one user counts for. Pure.

Shape of a document of `user_analytics`, without `_id`:

    {registered: slot | null, present: true, ended: slot | null, gone: false, values: {status: ["active"], ...},
     shape: 2}

A user counts as registered for ever, and as present until it is deleted. `ended` is the slot of the end; an end
without a time counts as one at the registration. `gone`: the document of the user itself was removed. `shape` says
which counters the share moves; it is missing in shares of older releases.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypedDict

from docustore.analytics.cube.slots import SLOT_MS
from docustore.analytics.dimensions import DIMENSION_FIELDS, DIMENSIONS
from docustore.analytics.marts import registered_ms, unix_ms
from docustore.analytics.values import User

USER_ANALYTICS: Final = "user_analytics"
# The version of the effect that keeps the shares and counters.
ANALYTICS_VERSION: Final = 2
# Shares without a shape do not move the counters of months and the ends by value: see `counts`.
SHAPE: Final = 2
# The top-level fields of a user that its share is made from.
SHARE_FIELDS: Final = (*DIMENSION_FIELDS, "created_at", "deleted_at")
_RULES: Final = tuple((name, dimension.values_of) for name, dimension in DIMENSIONS.items())


class UserShare(TypedDict):
    """The stored document; see the module."""

    registered: int | None
    present: bool
    ended: int | None
    gone: bool
    values: dict[str, list[str]]
    shape: int


def share_of(user: User) -> UserShare:
    """Tell what a stored user counts for."""
    return _share(user, ended_at=user.get("deleted_at"), gone=False)


def share_of_gone(last: User, *, ended_at: datetime) -> UserShare:
    """Tell what a removed user counts for.

    Args:
        last: Its last state.
        ended_at: The time of its removal; an earlier deletion counts instead.
    """
    deleted_at = last.get("deleted_at")
    return _share(last, ended_at=ended_at if deleted_at is None else deleted_at, gone=True)


def gone_share(share: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a share into that of a removed user of which nothing else is known."""
    ended = share["registered"] if share["ended"] is None else share["ended"]
    return {**share, "present": False, "ended": ended, "gone": True, "shape": SHAPE}


def _share(user: User, *, ended_at: object, gone: bool) -> UserShare:
    registered = _slot(registered_ms(user))
    ended = None
    if ended_at is not None:
        ended = _slot(unix_ms(ended_at))
        ended = registered if ended is None else ended
    return {
        "registered": registered,
        "present": ended_at is None,
        "ended": ended,
        "gone": gone,
        "values": {name: list(values_of(user)) for name, values_of in _RULES},
        "shape": SHAPE,
    }


def _slot(ms: int | None) -> int | None:
    return None if ms is None else ms // SLOT_MS
