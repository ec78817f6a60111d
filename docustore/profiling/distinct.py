"""Estimate the number of distinct values with HyperLogLog. Pure.

The server computes the registers (`pipelines.registers_pipeline`); this module evaluates them.
Source: Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

REGISTERS: Final = 4096
# The standard error of an estimate: about two of three estimates are nearer to the truth.
ERROR_PCT: Final = round(104 / math.sqrt(REGISTERS), 2)
_ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)
# Below this estimate, empty registers tell more than full ones.
_SMALL: Final = 2.5 * REGISTERS


def estimate(ranks: Iterable[Mapping[str, int]]) -> int:
    """Estimate the number of distinct values.

    Args:
        ranks: `{"_id": register, "rank": rank}` of each register that has one; the others are empty.
    """
    highest = [int(each["rank"]) for each in ranks]
    empty = REGISTERS - len(highest)
    raw = _ALPHA * REGISTERS**2 / (empty + sum(2.0**-rank for rank in highest))
    if raw <= _SMALL and empty:
        return round(REGISTERS * math.log(REGISTERS / empty))
    return round(raw)
