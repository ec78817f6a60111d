"""When a lease is over, by the clock of the MongoDB server. Pure."""

from typing import Any, Final

# All processes have one setting, so a lease that lasts longer was made while the server's clock was ahead. Without
# this rule no process could take it for as long as that clock was wrong. A fence guards against a mistake.
LONGEST_LEASES: Final = 2
_ENDS_AT: Final = {"$ifNull": ["$lease_expires_at", "$$NOW"]}


def lease_is_over(lease_s: float) -> dict[str, Any]:
    """Return the expression for a lease that holds no longer.

    Its `lease_expires_at` has passed, is absent, or is impossible.

    Args:
        lease_s: The seconds of a lease that begins now.
    """
    longest = {"$add": ["$$NOW", int(LONGEST_LEASES * lease_s * 1000)]}
    return {"$or": [{"$lte": [_ENDS_AT, "$$NOW"]}, {"$gt": [_ENDS_AT, longest]}]}
