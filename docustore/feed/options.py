"""How a process serves the feed."""

from dataclasses import dataclass
from typing import Self

from docustore.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """The limits of the feed of one process.

    `grace_s` is how long history may look strange, as it does after an election, before the ring starts anew.
    `hold_s` is how long new events wait for readers that are behind. `keys_every_s` is the time between two checks
    of the keys of open streams. `tick_s` is the time between two looks at silent and slow readers.
    """

    max_readers: int = 2000
    max_readers_per_key: int = 1000
    max_events: int = 10_000
    max_bytes: int = 64 * 1024 * 1024
    heartbeat_s: float = 15.0
    write_timeout_s: float = 20.0
    grace_s: float = 3.0
    hold_s: float = 5.0
    keys_every_s: float = 2.0
    tick_s: float = 0.5

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take the limits from the settings."""
        return cls(
            max_readers=settings.feed_max_readers,
            max_readers_per_key=settings.feed_max_readers_per_key,
            max_events=settings.feed_buffer_events,
            heartbeat_s=settings.feed_heartbeat_s,
            write_timeout_s=settings.feed_write_timeout_s,
        )
