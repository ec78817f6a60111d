"""The estimate of distinct values keeps its error."""

import math
from hashlib import blake2b

import pytest

from docustore.profiling.distinct import ERROR_PCT, REGISTERS, REST_BITS, estimate


def registers(values: int, *, first: int = 0) -> list[dict[str, int]]:
    """Compute the registers as the server does, with another hash."""
    highest: dict[int, int] = {}
    for value in range(first, first + values):
        number = int.from_bytes(blake2b(str(value).encode(), digest_size=8).digest(), "big", signed=True)
        register = number % REGISTERS
        rest = ((number - register) // REGISTERS) % 2**REST_BITS
        rank = REST_BITS + 1 if rest == 0 else REST_BITS - int(math.log2(rest))
        highest[register] = max(rank, highest.get(register, 0))
    return [{"_id": register, "rank": rank} for register, rank in highest.items()]


def test_no_values_are_zero() -> None:
    assert estimate([]) == 0


@pytest.mark.parametrize("values", [1, 10, 1000, 5000, 20_000, 200_000])
def test_estimate_is_within_three_errors(values: int) -> None:
    assert estimate(registers(values)) == pytest.approx(values, rel=3 * ERROR_PCT / 100, abs=1)


@pytest.mark.parametrize("values", [9000, 10_240, 11_000])
def test_estimate_has_no_bias(values: int) -> None:
    """The original estimator changes its formula here, and is too high on average."""
    sets = 20
    errors = [estimate(registers(values, first=number * values)) / values - 1 for number in range(sets)]

    # Three standard errors of the mean.
    assert 100 * abs(sum(errors) / sets) < 3 * ERROR_PCT / math.sqrt(sets)
