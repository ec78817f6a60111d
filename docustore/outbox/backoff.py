"""How long a failed delivery waits. Pure."""

from datetime import timedelta
from typing import Final

# The schedule that Standard Webhooks recommends: three days in ten attempts.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
SCHEDULE: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MAX_ATTEMPTS: Final = len(SCHEDULE) + 1
# An attempt without an end: its worker was killed. An event that kills its worker must not do so for ever.
MAX_BEGUN: Final = 2 * MAX_ATTEMPTS
# The waits are up to a tenth longer, so that the events of an outage are not all repeated at the same moment.
JITTER: Final = 0.1
# After all waits with jitter: what is older waits for a destination that is down, or disabled.
GIVE_UP_AFTER: Final = timedelta(days=4)
FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=5)
LONGEST_RETRY_AFTER: Final = timedelta(days=1)


def wait_after(attempts: int, *, chance: float) -> timedelta | None:
    """Return the wait after so many failed attempts; None gives the event up.

    Args:
        chance: A random number from 0 to 1.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return SCHEDULE[max(attempts, 1) - 1] * (1 + JITTER * chance)


def pause_after(failures: int, *, chance: float, retry_after: timedelta | None = None) -> timedelta:
    """Return how long a destination rests after so many failures in a row.

    Args:
        retry_after: The wait that the destination asks for; it is limited to a day.
    """
    doublings = min(max(failures, 1) - 1, 20)
    pause = min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE) * (1 + JITTER * chance)
    return pause if retry_after is None else max(pause, min(retry_after, LONGEST_RETRY_AFTER))
