"""One line of the benchmark table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """A figure, beside the floor and the peer that were measured in the same run.

    `floor` is the best that any implementation could reach here, `peer` the usual way to do it, both in `unit`;
    None where there is none to compare with. Ratios are value divided by the other.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio_to_floor: float | None = None
    peer: float | None = None
    ratio_to_peer: float | None = None
