"""When a derived effect rests, so that the listener goes first. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

# The listener drains a backlog at 10,000 rows/s and more. The writes of a busy store stay below this.
DRAINING_ROWS_PER_S: Final = 2_500.0
# A transaction of the listener may take longer than the time between two looks: without a new number in between,
# it still drains.
WINDOW_S: Final = 0.5
# While it drains, an effect waits this long, then works a part of the time. So its lag stays bounded.
LONGEST_WAIT_S: Final = 5.0
REST_WHILE_DRAINING: Final = 3.0
# A build takes half of the time at most: requests and the listener have the other half.
REST_WHILE_BUILDING: Final = 1.0
# A step costs several round trips and a commit, however few rows it has. At a steady load of writes, longer rests
# mean fewer and larger steps, which leaves time for the listener.
REST_WHILE_FOLLOWING: Final = 6.0


@dataclass(slots=True)
class Pace:
    """Watches the numbers that the listener commits."""

    draining_since: float | None = None
    # The numbers of the last moments, each with its time.
    _seen: deque[tuple[int, float]] = field(default_factory=deque)
    _has_rate: bool = False

    def note(self, seq: int, *, now: float) -> None:
        """Note the committed number at a time of the monotonic clock."""
        while len(self._seen) > 1 and self._seen[1][1] <= now - WINDOW_S:
            self._seen.popleft()
        if self._seen:
            is_draining = (
                max(_rate(self._seen[-1], seq, now), _rate(self._seen[0], seq, now)) > DRAINING_ROWS_PER_S
            )
            if not is_draining:
                self.draining_since = None
            elif self.draining_since is None:
                self.draining_since = now
            self._has_rate = True
        self._seen.append((seq, now))

    def must_wait(self, *, now: float) -> bool:
        """Tell whether the listener has just begun to drain, or no rate is known yet."""
        if not self._has_rate:
            return True
        return self.draining_since is not None and now - self.draining_since < LONGEST_WAIT_S

    def rest_s(self, *, worked_s: float, is_building: bool, is_behind: bool = False) -> float:
        """Return how long to rest after a step.

        Args:
            is_behind: The step had as many rows as a step may have, so more are waiting.
        """
        if self.draining_since is not None:
            return REST_WHILE_DRAINING * worked_s
        if is_building:
            return REST_WHILE_BUILDING * worked_s
        return 0.0 if is_behind else REST_WHILE_FOLLOWING * worked_s


def _rate(before: tuple[int, float], seq: int, now: float) -> float:
    seconds = now - before[1]
    return (seq - before[0]) / seconds if seconds > 0 else 0.0
