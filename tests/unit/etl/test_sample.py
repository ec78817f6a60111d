"""The sample of written records."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest

from docustore.etl.guards.sample import Sample
from docustore.etl.plan import Outcome
from docustore.etl.transform import UserRecord

AT = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int) -> UserRecord:
    return UserRecord(key=f"crm:{number}", modified_at=AT, hash="", values=None, is_time_observed=False)


RECORDS = [record(number) for number in range(1000)]


def sampled(size: int, count: int, page: int, seed: int) -> list[str]:
    sample = Sample(size, Random(seed))
    for start in range(0, count, page):
        records = RECORDS[start : min(start + page, count)]
        sample.add(records, [Outcome.INSERTED] * len(records))
    return [each.key for each in sample.records]


@pytest.mark.parametrize(
    ("size", "count", "chosen"), [(0, 10, 0), (5, 0, 0), (5, 3, 3), (5, 5, 5), (5, 6, 5), (1, 9, 1)]
)
@pytest.mark.parametrize("page", [1, 4, 1000])
def test_sample_has_its_size(size: int, count: int, chosen: int, page: int) -> None:
    keys = sampled(size, count, page, 7)

    assert len(set(keys)) == len(keys) == chosen


def test_only_written_records_are_chosen() -> None:
    outcomes = [*Outcome]
    sample = Sample(100, Random(7))
    sample.add(RECORDS[: len(outcomes)], outcomes)

    chosen = {outcomes[int(each.key.removeprefix("crm:"))] for each in sample.records}

    assert chosen == {Outcome.INSERTED, Outcome.UPDATED, Outcome.DEACTIVATED}


def test_every_record_has_the_same_chance() -> None:
    """A check of the first pages alone would never see the last ones."""
    times: Counter[str] = Counter()
    for seed in range(2000):
        times.update(sampled(10, 100, 30, seed))

    assert len(times) == 100
    assert min(times.values()) > 130
    assert max(times.values()) < 270
