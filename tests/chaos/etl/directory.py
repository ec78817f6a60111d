"""The records of the upstream systems, round by round; a seed gives the same ones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
NEW_SHARE, BAD_SHARE, INACTIVE_SHARE = 0.3, 0.02, 0.1

Record = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Directory:
    """The records of one source.

    Some people are in several sources, under one address. `shared` counts the records of users that have, or may
    have, more than one record.
    """

    source: str
    random: Random
    size: int
    round: int = 0
    known: int = 0
    shared: int = 0

    def next_round(self) -> list[Record]:
        """Return the records that are new or changed."""
        self.round += 1
        first, self.known = self.known, self.known + (self.size if self.round == 1 else int(self.size * NEW_SHARE))
        changed = self.random.sample(range(first), k=min(first, self.size // 5))
        return [self._record(number) for number in (*range(first, self.known), *changed)]

    def _record(self, number: int) -> Record:
        is_shared = number % 5 == 0
        owner = "person" if is_shared else self.source
        is_bad = self.random.random() < BAD_SHARE
        at_address = self._address(number)
        self.shared += is_shared or at_address != number
        changed_at = START + timedelta(days=self.round, seconds=number)
        return {
            "id": number + 1,
            # A source may give a person another address: the identity moves to another user.
            "email": "not an address" if is_bad else f"{owner}{at_address}@example.org",
            "first_name": self.random.choice(("Ada", "Bo", "Cyd", "Dan")),
            "last_name": f"N{self.round}",
            "status": "inactive" if self.random.random() < INACTIVE_SHARE else "active",
            "modified_at": changed_at.isoformat(),
        }

    def _address(self, number: int) -> int:
        return number if self.random.random() < 0.9 else number // 10 * 10
