"""One line of the benchmark table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """One value, with the floor and the peer of the same run.

    `floor` is the best possible value on this machine. `peer` is the value of the usual implementation. Both are
    in `unit`; None if there is no floor or no peer. A ratio is `value` divided by the floor or peer.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio_to_floor: float | None = None
    peer: float | None = None
    ratio_to_peer: float | None = None
